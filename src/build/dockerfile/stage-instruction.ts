import { BerthError } from "../../base/errors.ts";
import type { Escape, Instruction } from "../../dockerfile/ast.ts";
import { expandWord } from "../../dockerfile/expand.ts";
import { mountFrom } from "../../dockerfile/mount.ts";
import type { StageInstruction } from "../frontend.ts";
import type { NamedContexts } from "../named-contexts.ts";
import { imageSource, type PlannedStage, type StageSource, stageName, stageNamed } from "../stages.ts";
import { readStep } from "./read-step.ts";

/** Where an instruction stands. */
export interface InstructionPlace {
  readonly escape: Escape;
  /** All that there are in the end. */
  readonly stages: readonly PlannedStage[];
  /** Of its own stage. */
  readonly index: number;
  readonly name: string | undefined;
  readonly contexts: NamedContexts;
  /** True for one that the base image brought. */
  readonly isTrigger?: boolean;
}

/** An instruction of a Dockerfile as a step to be: its words are expanded when the stage's variables are known. */
export function stageInstruction(written: Instruction, place: InstructionPlace): StageInstruction {
  const { kind, keyword, span, comments } = written;
  const instruction = place.isTrigger === true ? { ...written, original: `ONBUILD ${written.original}` } : written;
  const { escape: escapeChar } = place;
  return {
    kind,
    keyword,
    span,
    ...(comments === undefined ? {} : { comments }),
    args: written.kind === "ARG" ? written.args.map(({ name }) => name) : [],
    ...(written.kind === "ONBUILD" ? { trigger: written.expression } : {}),
    sources: () => namesIn(written).map((from) => sourceNamed(from, { isCopy: kind === "COPY" }, place)),
    read: (state, context) => {
      const source = (from: string, isCopy: boolean): StageSource => earlier(from, isCopy, place);
      return readStep(state, { escape: escapeChar, context, source }, instruction);
    },
  };
}

function namesIn(instruction: Instruction): readonly string[] {
  if (instruction.kind === "COPY") return instruction.from === undefined ? [] : [instruction.from];
  return instruction.kind === "RUN" ? instruction.mounts.flatMap((text) => mountSource(text) ?? []) : [];
}

/** What a `--mount` names in `from=`; undefined without one. @throws {BerthError} invalid-argument */
function mountSource(text: string): string | undefined {
  return mountFrom(text) || undefined;
}

/** What a `--from` names: a stage by number or name, or an image. @throws {BerthError} invalid-argument, with BuildKit's text */
function sourceNamed(
  from: string,
  { isCopy }: { readonly isCopy: boolean },
  { stages, contexts }: InstructionPlace,
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
  const stage = stageNamed(stages, from);
  return stage === undefined ? imageSource(from, contexts) : { stage };
}

/** The same; a stage has to stand above. */
function earlier(from: string, isCopy: boolean, place: InstructionPlace): StageSource {
  const source = sourceNamed(from, { isCopy }, place);
  if (!("stage" in source) || source.stage.index < place.index) return source;
  throw new BerthError(
    "invalid-argument",
    `cannot copy from stage ${JSON.stringify(from)}, it needs to be defined before current stage ${JSON.stringify(stageName(place))}`,
  );
}
