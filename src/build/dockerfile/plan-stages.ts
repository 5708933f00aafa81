import { BerthError, messageOf } from "../../base/errors.ts";
import type { Dockerfile, Stage } from "../../dockerfile/ast.ts";
import { withSuggestion } from "../../dockerfile/suggest.ts";
import { type Platform, parsePlatform } from "../../oci/platform.ts";
import { located } from "../build-error.ts";
import { expandGlobal } from "../global-args.ts";
import { referenceOf } from "../image-reference.ts";
import type { NamedContexts } from "../named-contexts.ts";
import { baseOf, contextNamed, type PlannedStage, scratch, stageNamed } from "../stages.ts";
import { type InstructionPlace, stageInstruction } from "./stage-instruction.ts";

/** What stages are read with. */
export interface StageOptions {
  /** What `FROM` lines see. */
  readonly args: ReadonlyMap<string, string>;
  /** One takes the place of an image, or of the whole stage that has its name. */
  readonly contexts?: NamedContexts | undefined;
  /** The platform of stages that don't say; any that is there when absent. */
  readonly wanted?: Platform | undefined;
}

/** Read the `FROM` lines. @throws {BuildError} invalid-argument, with BuildKit's text */
export function planStages(
  file: Pick<Dockerfile, "stages" | "escape">,
  { args, contexts = new Map(), wanted }: StageOptions,
): readonly PlannedStage[] {
  const stages: PlannedStage[] = [];
  const byName = new Map<string, PlannedStage>();
  for (const [index, stage] of file.stages.entries()) {
    try {
      const place: InstructionPlace = { stages, index, name: stage.name, contexts, escape: file.escape };
      const next = planStage({ stage, place, byName, wanted }, (text) => expandGlobal(args, text, file.escape));
      stages.push(next);
      if (stage.name !== undefined) byName.set(stage.name, next);
    } catch (error) {
      throw located(error, { span: stage.from.span });
    }
  }
  return stages;
}

interface UnplannedStage {
  readonly stage: Stage;
  readonly place: InstructionPlace;
  /** Those before it. */
  readonly byName: ReadonlyMap<string, PlannedStage>;
  readonly wanted: Platform | undefined;
}

function planStage({ stage, place, byName, wanted }: UnplannedStage, expand: (text: string) => string): PlannedStage {
  const { from, name } = stage;
  const { index, contexts } = place;
  const base = expand(from.base);
  if (base === "") throw new BerthError("invalid-argument", `base name (${from.base}) should not be blank`);
  const baseStage = byName.get(base);
  const own = from.platform === undefined ? undefined : expand(from.platform);
  if (own === "") throw new BerthError("invalid-argument", `empty platform value from expression ${from.platform}`);
  const platform = own === undefined ? (baseStage?.platform ?? wanted) : platformNamed(own, from.platform ?? own);
  const about = { index, name, span: from.span, platform };
  const instead = name === undefined ? undefined : contexts.get(name);
  if (instead !== undefined) return { ...about, instructions: [], ...baseOf(instead) };
  const context = baseStage === undefined ? contextNamed(contexts, base) : undefined;
  // Also where nothing needs the stage.
  if (baseStage === undefined && context === undefined && base !== scratch) referenceOf(base);
  const instructions = stage.instructions.map((instruction) => stageInstruction(instruction, place));
  return { ...about, instructions, base, baseStage, ...(context === undefined ? {} : baseOf(context)) };
}

/** @param written before it was expanded @throws {BerthError} invalid-argument, in BuildKit's words */
export function platformNamed(text: string, written: string): Platform {
  try {
    return parsePlatform(text);
  } catch (error) {
    const message = `failed to parse platform ${written}: ${messageOf(error)}`;
    throw new BerthError("invalid-argument", message, { cause: error });
  }
}

/** The stage to build: by name, by number, or the last. @throws {BerthError} not-found `target stage "x" could not be found` */
export function targetStage(stages: readonly PlannedStage[], target: string | undefined): PlannedStage {
  const found = target === undefined || target === "" ? stages.at(-1) : stageNamed(stages, target);
  if (found !== undefined) return found;
  const names = stages.flatMap(({ name }) => name ?? []);
  const message = `target stage ${JSON.stringify(target)} could not be found`;
  throw new BerthError("not-found", withSuggestion(message, target ?? "", names));
}
