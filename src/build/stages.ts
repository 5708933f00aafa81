import { BerthError } from "../base/errors.ts";
import type { Span } from "../dockerfile/ast.ts";
import type { Platform } from "../oci/platform.ts";
import { located } from "./build-error.ts";
import type { StageInstruction } from "./frontend.ts";
import { contextName, type NamedContext, type NamedContexts } from "./named-contexts.ts";

/** The base name that stands for the empty file system. */
export const scratch = "scratch";

/** A stage with its base known by name. */
export interface PlannedStage {
  readonly index: number;
  /** In lower case where it comes from a Dockerfile. */
  readonly name: string | undefined;
  /** What begins it. */
  readonly span: Span;
  readonly instructions: readonly StageInstruction[];
  readonly base: string;
  /** The earlier stage that `base` names; an image of the store otherwise. */
  readonly baseStage: PlannedStage | undefined;
  /** The named context whose directory it starts from; `base` is empty then. */
  readonly baseContext?: string;
  /** What it or the stage that it stands on asks for; undefined where none does. */
  readonly platform: Platform | undefined;
}

/** What a step reads from: a stage, an image of the store, or a directory that is a named context. */
export type StageSource = { readonly stage: PlannedStage } | { readonly image: string } | { readonly context: string };

/** A stage as progress calls it. */
export function stageName({ name, index }: Pick<PlannedStage, "name" | "index">): string {
  return name ?? `stage-${index}`;
}

/** Stages by name, the last of each. Files that programs write have a thousand stages, each of which names hundreds. */
const indexes = new WeakMap<
  readonly PlannedStage[],
  { readonly size: number; readonly index: ReadonlyMap<string, PlannedStage> }
>();

/** The last stage of a name, whatever its case. */
export function stageNamed(stages: readonly PlannedStage[], name: string): PlannedStage | undefined {
  let known = indexes.get(stages);
  if (known === undefined || known.size !== stages.length) {
    known = { size: stages.length, index: new Map(stages.map((stage) => [stage.name ?? "", stage])) };
    indexes.set(stages, known);
  }
  return name === "" ? undefined : known.index.get(name.toLowerCase());
}

/** The context that takes the place of an image. */
export function contextNamed(contexts: NamedContexts, name: string): NamedContext | undefined {
  const known = contexts.size === 0 ? undefined : contextName(name);
  return known === undefined ? undefined : contexts.get(known);
}

/** What a stage starts from whose base is a named context. */
export function baseOf(context: NamedContext): Pick<PlannedStage, "base" | "baseStage" | "baseContext"> {
  return context.kind === "image"
    ? { base: context.reference, baseStage: undefined }
    : { base: "", baseStage: undefined, baseContext: context.name };
}

/** An image as a source, or the named context that takes its place. */
export function imageSource(name: string, contexts: NamedContexts): StageSource {
  const context = contextNamed(contexts, name);
  if (context === undefined) return { image: name };
  return context.kind === "image" ? { image: context.reference } : { context: context.name };
}

/** A source and the instruction that names it. */
export interface LocatedSource {
  readonly source: StageSource;
  readonly span: Span;
}

/** Everything that instructions read besides their own stage and the context. @throws {BuildError} */
export function sourcesOf(instructions: readonly StageInstruction[]): readonly LocatedSource[] {
  return instructions.flatMap((instruction) => {
    const { span } = instruction;
    try {
      return instruction.sources().map((source) => ({ source, span }));
    } catch (error) {
      throw located(error, { span });
    }
  });
}

/** @throws {BuildError} invalid-argument `circular dependency detected on stage: x` */
export function refuseCycles(stages: readonly PlannedStage[]): void {
  const done = new Set<PlannedStage>();
  const path = new Set<PlannedStage>();
  const visit = (stage: PlannedStage, span: Span): void => {
    if (path.has(stage)) throw circular(stage, span);
    if (done.has(stage)) return;
    path.add(stage);
    for (const next of dependencies(stage)) visit(next.stage, next.span);
    path.delete(stage);
    done.add(stage);
  };
  for (const stage of stages) visit(stage, stage.span);
}

/** The stages that one needs, with the instruction that does. */
function dependencies({
  baseStage,
  instructions,
  span,
}: PlannedStage): readonly { readonly stage: PlannedStage; readonly span: Span }[] {
  const copied = sourcesOf(instructions).flatMap(({ source, span }) =>
    "stage" in source ? [{ stage: source.stage, span }] : [],
  );
  return baseStage === undefined ? copied : [{ stage: baseStage, span }, ...copied];
}

function circular({ name, index }: PlannedStage, span: Span): unknown {
  const message = `circular dependency detected on stage: ${name ?? index}`;
  return located(new BerthError("invalid-argument", message), { span });
}
