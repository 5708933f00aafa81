import { alignSteps, inFileOrder, instructionOf, isWork } from "./align.ts";
import { compareFiles, type FileChanges, type ListedFile } from "./file-list.ts";
import type {
  BuildSummary,
  PastBuild,
  PastStep,
  StepField,
  StepInputs,
  StepOutcome,
  StepSource,
} from "./past-build.ts";

/** Why a step ran: the first of its inputs that isn't as it was. */
export type Reason =
  /** No result was looked up. */
  | { readonly kind: "no-cache" }
  /** No earlier build has come as far as this step, or there is none. */
  | { readonly kind: "first" }
  /** The earlier builds have no such instruction. */
  | { readonly kind: "new" }
  /** The instruction reads otherwise. */
  | { readonly kind: "instruction"; readonly before: string; readonly line: number | undefined }
  /** An argument, a variable, a setting or the like is another one; absent is what there isn't. */
  | {
      readonly kind: "field";
      readonly field: StepField["kind"];
      readonly name: string;
      readonly before?: string;
      readonly after?: string;
    }
  /** The image of a `FROM` or a `--from` is another one. */
  | { readonly kind: "base"; readonly name: string; readonly before: string; readonly after: string }
  /** Files of the build context; without `changes` where there were too many to list. */
  | { readonly kind: "files"; readonly mount: string; readonly changes?: FileChanges }
  /** It only ran because this step did. */
  | { readonly kind: "step"; readonly vertex: string; readonly name: string }
  /** It stands on another result of a step that didn't run: one that a still earlier build has left. */
  | { readonly kind: "result"; readonly name: string }
  /** All is as it was, and there was no result of it: the step had failed, or its result was pruned. */
  | { readonly kind: "no-result"; readonly before: StepOutcome };

/** A step of a build, and why it ran. */
export interface ExplainedStep {
  readonly step: PastStep;
  /** Absent for what didn't run. */
  readonly reason?: Reason;
  /** The build that it was compared with. */
  readonly compared?: string;
  /** Steps that ran only because this one did. */
  readonly tookAlong: readonly PastStep[];
}

/** A build, and why its steps ran. */
export interface Explanation {
  readonly build: PastBuild;
  /** The newest build that it could be compared with. */
  readonly compared: BuildSummary | undefined;
  /** Those that make layers, in the order of the Dockerfile. */
  readonly steps: readonly ExplainedStep[];
}

/** What {@link explainBuild} knows beside the build. */
export interface Known {
  /** Builds before it that it can be compared with, the newest first. */
  readonly earlier: readonly PastBuild[];
  /** The files of a content key. */
  readonly files: (key: string) => ReadonlyMap<string, ListedFile> | undefined;
}

/** Say of each step that ran which of its inputs was another one in the nearest earlier build that has the step. */
export function explainBuild(build: PastBuild, known: Known): Explanation {
  const aligned = known.earlier.map((before) => ({ before, steps: alignSteps(build.recorded, before.recorded) }));
  const steps = inFileOrder(build.recorded.filter(isWork)).map((step) => {
    if (!hasRun(step) || step.inputs === undefined) return { step };
    const found = aligned.find(({ steps: pairs }) => pairs.get(step.vertex)?.inputs !== undefined);
    const old = found?.steps.get(step.vertex);
    const compared = found?.before;
    return {
      step,
      reason: reasonOf(step.inputs, { build, compared, old, known }),
      ...(compared === undefined ? {} : { compared: compared.id }),
    };
  });
  const [newest] = known.earlier;
  return { build, compared: newest, steps: steps.map((each) => ({ ...each, tookAlong: takenBy(each.step, steps) })) };
}

/** Whether a step was work in this build, whatever came of it. */
function hasRun({ outcome }: Pick<PastStep, "outcome">): boolean {
  return outcome === "ran" || outcome === "failed" || outcome === "canceled";
}

interface Comparison {
  readonly build: PastBuild;
  readonly compared: PastBuild | undefined;
  /** The same step there. */
  readonly old: PastStep | undefined;
  readonly known: Known;
}

function reasonOf(inputs: StepInputs, comparison: Comparison): Reason {
  const { old, known } = comparison;
  if (inputs.noCache === true) return { kind: "no-cache" };
  if (old?.inputs === undefined) return { kind: known.earlier.some(hasSteps) ? "new" : "first" };
  return (
    ownReason(inputs, old.inputs, old) ??
    filesReason(inputs, old.inputs, known) ??
    sourceReason(inputs, old.inputs, comparison) ?? { kind: "no-result", before: old.outcome }
  );
}

function hasSteps({ recorded }: PastBuild): boolean {
  return recorded.some(({ inputs }) => inputs !== undefined);
}

/** What somebody wrote: the instruction, its arguments, its settings. */
function ownReason(after: StepInputs, before: StepInputs, old: PastStep): Reason | undefined {
  const field = firstDifference(after.fields, before.fields);
  if (field === undefined && after.definition === before.definition) return undefined;
  if (field === undefined || field.kind === "instruction")
    return { kind: "instruction", before: instructionOf(old), line: old.span?.start };
  const { kind, ...rest } = field;
  return { kind: "field", field: kind, ...rest };
}

interface FieldDifference {
  readonly kind: StepField["kind"];
  readonly name: string;
  readonly before?: string;
  readonly after?: string;
}

function firstDifference(after: readonly StepField[], before: readonly StepField[]): FieldDifference | undefined {
  const keyOf = ({ kind, name }: StepField): string => `${kind} ${name}`;
  const [then, now] = [before, after].map((fields) => new Map(fields.map((field) => [keyOf(field), field])));
  const names = new Map([...after, ...before].map((field) => [keyOf(field), field]));
  for (const [key, { kind, name }] of names) {
    const [old, own] = [then?.get(key), now?.get(key)];
    if (old?.value === own?.value) continue;
    return {
      ...{ kind, name },
      ...(old === undefined ? {} : { before: old.value }),
      ...(own === undefined ? {} : { after: own.value }),
    };
  }
  return undefined;
}

function filesReason(after: StepInputs, before: StepInputs, { files }: Known): Reason | undefined {
  for (const [index, { key, mount }] of after.files.entries()) {
    const old = before.files[index];
    if (old === undefined || old.key === key) continue;
    const [then, now] = [files(old.key), files(key)];
    return { kind: "files", mount, ...(then && now ? { changes: compareFiles(then, now) } : {}) };
  }
  return undefined;
}

/** What it stands on or reads from: another image, or a step with another result. */
function sourceReason(after: StepInputs, before: StepInputs, comparison: Comparison): Reason | undefined {
  const index = after.sources.findIndex(({ result }, at) => result !== (before.sources[at]?.result ?? null));
  const source = after.sources[index];
  if (source === undefined) return undefined;
  const step = stepOf(comparison.build, source);
  if (step === undefined) return { kind: "result", name: "scratch" };
  if (step.op === "image") {
    const old = before.sources[index];
    const oldStep = old && comparison.compared && stepOf(comparison.compared, old);
    return { kind: "base", name: instructionOf(step), before: imageOf(oldStep), after: imageOf(step) };
  }
  if (hasRun(step)) return { kind: "step", vertex: step.vertex, name: step.name };
  return { kind: "result", name: step.name };
}

function stepOf({ recorded }: PastBuild, { vertex }: StepSource): PastStep | undefined {
  return recorded.find((step) => step.vertex === vertex);
}

function imageOf(step: PastStep | undefined): string {
  return step?.inputs?.fields.find(({ name }) => name === "imageID")?.value ?? "";
}

/** Every step that a step took along, also by way of others. */
function takenBy(
  root: PastStep,
  steps: readonly { readonly step: PastStep; readonly reason?: Reason }[],
): readonly PastStep[] {
  const taken = new Set([root.vertex]);
  const found: PastStep[] = [];
  for (let size = 0; size !== taken.size; ) {
    size = taken.size;
    for (const { step, reason } of steps) {
      if (reason?.kind !== "step" || taken.has(step.vertex) || !taken.has(reason.vertex)) continue;
      taken.add(step.vertex);
      found.push(step);
    }
  }
  return inFileOrder(found);
}
