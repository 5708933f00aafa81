import { isObject } from "../../base/json-object.ts";
import type {
  AddStep,
  CommandStep,
  ConfigStep,
  CopyStep,
  RunStep,
  SingleStep,
  WordsStep,
  WorkdirStep,
} from "../steps.ts";
import type { CallPlace } from "./call-places.ts";
import type { Stage } from "./stage.ts";

// A stage of a program as data: what `Stage` holds, and what the typed frontend reads.

/** A named context, as `--build-context` gives them. */
export interface ContextSource {
  readonly kind: "context";
  readonly name: string;
}

/** What a step reads from: another stage, a named context, or an image (or the named context that takes its place). */
export type TypedSource = Stage | ContextSource | string;

/** The variables that a stage has at some point. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Names and values, or what makes them of the stage's variables. */
export type Pairs = Readonly<Record<string, string>> | ((env: Variables) => Readonly<Record<string, string>>);

/** A step as a program has it. */
export type TypedContent =
  | RunStep<TypedSource>
  | CopyStep<TypedSource>
  | AddStep
  | WorkdirStep
  | CommandStep
  | WordsStep
  | SingleStep
  | ConfigStep
  | { readonly kind: "ENV" | "LABEL"; readonly pairs: Pairs }
  | { readonly kind: "ARG"; readonly name: string; readonly fallback?: string };

/** A step and the calls that made it. */
export interface TypedStep {
  readonly content: TypedContent;
  readonly places: readonly CallPlace[];
}

/** What a stage starts from. */
export interface StageStart {
  /** `scratch` is the empty file system. */
  readonly base: TypedSource;
  readonly platform?: string;
  readonly name?: string;
  readonly places: readonly CallPlace[];
}

/** All of a stage. */
export interface StageData {
  readonly format: typeof stageFormat;
  readonly start: StageStart;
  readonly steps: readonly TypedStep[];
}

/** Names the form of {@link StageData}: the command reads stages that another copy of the library made. */
export const stageFormat = "berth-engine.stage.1";

/** True for a stage, also one of another copy of the library. */
export function isStage(value: unknown): value is Stage {
  return isObject(value) && isObject(value["definition"]) && value["definition"]["format"] === stageFormat;
}
