import { BerthError, messageOf } from "../base/errors.ts";
import type { Dockerfile, Instruction, Span, Stage } from "../dockerfile/ast.ts";
import { expandWord } from "../dockerfile/expand.ts";
import { withSuggestion } from "../dockerfile/suggest.ts";
import { type Platform, parsePlatform } from "../oci/platform.ts";
import { located } from "./build-error.ts";
import { expandGlobal } from "./global-args.ts";
import { referenceOf } from "./image-reference.ts";
import { contextName, type NamedContext, type NamedContexts } from "./named-contexts.ts";
import { mountSource } from "./run-mounts.ts";

/** The base name that stands for the empty file system. */
export const scratch = "scratch";

/** A stage of the Dockerfile with its base known by name. */
export interface PlannedStage {
  readonly index: number;
  readonly stage: Stage;
  /** Expanded. */
  readonly base: string;
  /** The earlier stage that `base` names; an image of the store otherwise. */
  readonly baseStage: PlannedStage | undefined;
  /** The named context whose directory it starts from; `base` is empty then. */
  readonly baseContext?: string;
  /** What it or the stage that it stands on asks for; undefined where none does. */
  readonly platform: Platform | undefined;
}

/** What `--from` names: a stage, an image of the store, or a directory that is a named context. */
export type StageSource = { readonly stage: PlannedStage } | { readonly image: string } | { readonly context: string };

/**
 * Read the `FROM` lines. A named context takes the place of an image, or of the whole stage that has its name.
 *
 * @param wanted the platform of stages that don't say; any that is there when absent
 * @throws {BuildError} invalid-argument, with BuildKit's text
 */
export function planStages(
  file: Dockerfile,
  args: ReadonlyMap<string, string>,
  contexts: NamedContexts = new Map(),
  wanted?: Platform,
): readonly PlannedStage[] {
  const planned: PlannedStage[] = [];
  const byName = new Map<string, PlannedStage>();
  for (const [index, stage] of file.stages.entries()) {
    try {
      const next = planStage({ index, stage, byName, wanted }, contexts, (text) =>
        expandGlobal(args, text, file.escape),
      );
      planned.push(next);
      if (stage.name !== undefined) byName.set(stage.name, next);
    } catch (error) {
      throw located(error, { span: stage.from.span });
    }
  }
  return planned;
}

interface UnplannedStage {
  readonly index: number;
  readonly stage: Stage;
  /** Those before it. */
  readonly byName: ReadonlyMap<string, PlannedStage>;
  readonly wanted: Platform | undefined;
}

function planStage(
  { index, stage, byName, wanted }: UnplannedStage,
  contexts: NamedContexts,
  expand: (text: string) => string,
): PlannedStage {
  const { from, name } = stage;
  const base = expand(from.base);
  if (base === "") throw new BerthError("invalid-argument", `base name (${from.base}) should not be blank`);
  const baseStage = byName.get(base);
  const own = from.platform === undefined ? undefined : expand(from.platform);
  if (own === "") throw new BerthError("invalid-argument", `empty platform value from expression ${from.platform}`);
  const platform = own === undefined ? (baseStage?.platform ?? wanted) : platformNamed(own, from.platform ?? own);
  const instead = name === undefined ? undefined : contexts.get(name);
  if (instead !== undefined) return { index, stage: { ...stage, instructions: [] }, platform, ...baseOf(instead) };
  const context = baseStage === undefined ? contextNamed(contexts, base) : undefined;
  // Also where nothing needs the stage.
  if (baseStage === undefined && context === undefined && base !== scratch) referenceOf(base);
  return { index, stage, base, baseStage, platform, ...(context === undefined ? {} : baseOf(context)) };
}

function contextNamed(contexts: NamedContexts, name: string): NamedContext | undefined {
  const known = contexts.size === 0 ? undefined : contextName(name);
  return known === undefined ? undefined : contexts.get(known);
}

function baseOf(context: NamedContext): Pick<PlannedStage, "base" | "baseStage" | "baseContext"> {
  return context.kind === "image"
    ? { base: context.reference, baseStage: undefined }
    : { base: "", baseStage: undefined, baseContext: context.name };
}

/** @param written before it was expanded @throws {BerthError} invalid-argument, in BuildKit's words */
function platformNamed(text: string, written: string): Platform {
  try {
    return parsePlatform(text);
  } catch (error) {
    const message = `failed to parse platform ${written}: ${messageOf(error)}`;
    throw new BerthError("invalid-argument", message, { cause: error });
  }
}

/** The stage to build: by name, by number, or the last. @throws {BerthError} not-found `target stage "x" could not be found` */
export function targetStage(stages: readonly PlannedStage[], target: string | undefined): PlannedStage {
  const found = target === undefined || target === "" ? stages.at(-1) : findStage(stages, target);
  if (found !== undefined) return found;
  const names = stages.flatMap(({ stage }) => stage.name ?? []);
  const message = `target stage ${JSON.stringify(target)} could not be found`;
  throw new BerthError("not-found", withSuggestion(message, target ?? "", names));
}

/** Stages by name, the last of each. Files that programs write have a thousand stages, each of which names hundreds. */
const indexes = new WeakMap<readonly PlannedStage[], ReadonlyMap<string, PlannedStage>>();

function findStage(stages: readonly PlannedStage[], name: string): PlannedStage | undefined {
  const known = indexes.get(stages);
  const index = known ?? new Map(stages.map((planned) => [planned.stage.name ?? "", planned]));
  if (known === undefined) indexes.set(stages, index);
  return name === "" ? undefined : index.get(name.toLowerCase());
}

/**
 * What a `--from` names: a stage by number or name, or an image.
 *
 * @throws {BerthError} invalid-argument, with BuildKit's text
 */
export function sourceOf(
  stages: readonly PlannedStage[],
  from: string,
  { isCopy, contexts = new Map() }: { readonly isCopy: boolean; readonly contexts?: NamedContexts | undefined },
): StageSource {
  if (expandWord(from, () => undefined).text !== from)
    throw new BerthError(
      "invalid-argument",
      `variable expansion is not supported for ${isCopy ? "--from" : "--mount from"}, define a new stage with FROM using ARG from global scope as a workaround`,
    );
  if (isCopy && /^[+-]?\d+$/.test(from)) {
    const stage = stages[Number(from)];
    if (stage === undefined) throw new BerthError("invalid-argument", `invalid stage index ${Number(from)}`);
    return { stage };
  }
  const stage = findStage(stages, from);
  if (stage !== undefined) return { stage };
  const context = contextNamed(contexts, from);
  if (context === undefined) return { image: from };
  return context.kind === "image" ? { image: context.reference } : { context: context.name };
}

/** A source and the instruction that names it. */
export interface LocatedSource {
  readonly source: StageSource;
  readonly span: Span;
}

/** Everything that instructions read besides their own stage and the context. @throws {BuildError} */
export function sourcesOf(
  stages: readonly PlannedStage[],
  instructions: readonly Instruction[],
  contexts?: NamedContexts,
): readonly LocatedSource[] {
  return instructions.flatMap((instruction) => {
    const { span } = instruction;
    try {
      return namesIn(instruction).map((from) => ({
        source: sourceOf(stages, from, { isCopy: instruction.kind === "COPY", contexts }),
        span,
      }));
    } catch (error) {
      throw located(error, { span });
    }
  });
}

function namesIn(instruction: Instruction): readonly string[] {
  if (instruction.kind === "COPY") return instruction.from === undefined ? [] : [instruction.from];
  return instruction.kind === "RUN" ? instruction.mounts.flatMap((text) => mountSource(text) ?? []) : [];
}

/** @throws {BuildError} invalid-argument `circular dependency detected on stage: x` */
export function refuseCycles(
  stages: readonly PlannedStage[],
  dependencies: (stage: PlannedStage) => readonly PlannedStage[],
): void {
  const done = new Set<PlannedStage>();
  const path = new Set<PlannedStage>();
  const visit = (stage: PlannedStage): void => {
    if (path.has(stage)) throw circular(stage);
    if (done.has(stage)) return;
    path.add(stage);
    for (const next of dependencies(stage)) visit(next);
    path.delete(stage);
    done.add(stage);
  };
  for (const stage of stages) visit(stage);
}

function circular({ stage, index }: PlannedStage): unknown {
  const span: Span = stage.from.span;
  const message = `circular dependency detected on stage: ${stage.name ?? index}`;
  return located(new BerthError("invalid-argument", message), { span });
}
