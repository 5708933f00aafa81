import type { Escape, Span } from "../dockerfile/ast.ts";
import { parseTrigger } from "../dockerfile/parse.ts";
import type { ChainID, Digest } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import { type Platform, platformText } from "../oci/platform.ts";
import { located } from "./build-error.ts";
import { stageInstruction } from "./dockerfile/stage-instruction.ts";
import type { StageInstruction } from "./frontend.ts";
import type { NamedContexts } from "./named-contexts.ts";
import { type PlannedStage, scratch, sourcesOf } from "./stages.ts";

/** An image that a build starts from. */
export interface BaseImage {
  readonly id: Digest;
  readonly chainID: ChainID | undefined;
  readonly config: ImageConfig;
  /** Whole name, as progress shows it. */
  readonly name: string;
  /** Of what a registry has under the name; undefined where none has told. */
  readonly digest?: Digest | undefined;
  /** True for one that stands for an image that nobody looked up: nothing of it is known. */
  readonly unknown?: boolean;
}

/** How names become images. */
export interface ImageResolver {
  /** An image of the store by name; of one for several platforms that for `platform`, or else for this machine. @throws {BerthError} not-found */
  resolveImage(name: string, platform?: Platform): Promise<BaseImage>;
}

/** A stage that the target needs, with its base known. */
export interface ResolvedStage {
  /** What is done in it: the base's `ONBUILD` triggers, then its own steps. */
  readonly instructions: readonly StageInstruction[];
}

/** What an image is found by: the name that its stage gives it, and the platform that its stage asks for. */
export function imageKey(name: string, platform: Platform | undefined): string {
  return platform === undefined ? name : `${name} ${platformText(platform)}`;
}

/** How triggers are read. */
interface TriggerOptions {
  readonly escape: Escape;
  readonly contexts?: NamedContexts;
}

/** What the target needs. */
export interface ResolvedStages {
  readonly stages: ReadonlyMap<PlannedStage, ResolvedStage>;
  /** By {@link imageKey}. */
  readonly images: ReadonlyMap<string, BaseImage>;
}

/**
 * Find out what a target needs: the stages that it stands on or copies from, and the images below them.
 * Triggers of an image may need more, so that images are looked up on the way, side by side.
 *
 * @throws {BuildError} not-found, for an image; invalid-argument, for a trigger
 */
export async function resolveStages(
  planned: readonly PlannedStage[],
  options: ImageResolver & TriggerOptions & { readonly targets: readonly PlannedStage[] },
): Promise<ResolvedStages> {
  const stages = new Map<PlannedStage, ResolvedStage>();
  const lookups = new Map<string, Promise<BaseImage>>();
  const visits = new Map<PlannedStage, Promise<void>>();

  const image = async (name: string, { platform }: PlannedStage, span: Span): Promise<BaseImage> => {
    const key = imageKey(name, platform);
    const lookup = lookups.get(key) ?? options.resolveImage(name, platform);
    lookups.set(key, lookup);
    try {
      return await lookup;
    } catch (error) {
      throw located(error, { span });
    }
  };
  const visit = (stage: PlannedStage): Promise<void> => {
    const known = visits.get(stage);
    if (known !== undefined) return known;
    const visiting = visitStage(stage);
    visits.set(stage, visiting);
    return visiting;
  };
  const visitStage = async (stage: PlannedStage): Promise<void> => {
    const base = isImage(stage) ? await image(stage.base, stage, stage.span) : undefined;
    const instructions = [...triggersOf(stage, base, { planned, ...options }), ...stage.instructions];
    stages.set(stage, { instructions });
    if (stage.baseStage !== undefined) await visit(stage.baseStage);
    await Promise.all(
      sourcesOf(instructions).map(({ source, span }) => {
        if ("stage" in source) return visit(source.stage);
        return "image" in source ? image(source.image, stage, span) : undefined;
      }),
    );
  };
  await Promise.all(options.targets.map(visit));
  const images = await Promise.all([...lookups].map(async ([key, lookup]) => [key, await lookup] as const));
  return { stages, images: new Map(images) };
}

/** True when a stage starts from an image of the store. */
export function isImage(stage: PlannedStage): boolean {
  return stage.baseStage === undefined && stage.baseContext === undefined && stage.base !== scratch;
}

function triggersOf(
  stage: PlannedStage,
  base: BaseImage | undefined,
  { planned, escape: escapeChar, contexts = new Map() }: TriggerOptions & { readonly planned: readonly PlannedStage[] },
): readonly StageInstruction[] {
  const { baseStage, index, name, span } = stage;
  const own = baseStage?.instructions.flatMap(({ trigger }) => trigger ?? []);
  try {
    return (own ?? base?.config.config?.OnBuild ?? []).map((text) =>
      stageInstruction(parseTrigger(text, span), {
        ...{ stages: planned, index, name, contexts },
        escape: escapeChar,
        isTrigger: true,
      }),
    );
  } catch (error) {
    throw located(error, { span });
  }
}
