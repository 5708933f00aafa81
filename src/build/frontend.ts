import type { Directive, Escape, Span } from "../dockerfile/ast.ts";
import type { Linter } from "../dockerfile/linter.ts";
import type { Platform } from "../oci/platform.ts";
import type { NamedContexts } from "./named-contexts.ts";
import type { StageContext, StageState } from "./stage-state.ts";
import type { PlannedStage, StageSource } from "./stages.ts";
import type { Step } from "./steps.ts";

// What stages are read from: a Dockerfile, or values of a program. Both give the same stages, which `lower.ts` makes a graph of.

/** What a stage's steps depend on beside the stage. */
export interface PlanOptions {
  /** Name of the stage to build. */
  readonly target?: string;
  /** Every stage is looked at, and no target has to be named. */
  readonly everyStage?: boolean;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly platform: Platform;
  /** Where steps run; the same when absent. */
  readonly buildPlatform?: Platform;
  /** The platform of stages that don't say; any that is there when absent. */
  readonly wanted?: Platform;
  readonly contexts?: NamedContexts;
  readonly linter: Linter;
}

/** A build argument that is asked for outside of stages. */
export interface AskedArg {
  readonly name: string;
  /** What it is in this build; empty without a value. */
  readonly value: string;
  readonly span: Span;
}

/** Stages, for one platform. */
export interface Plan {
  /** In an order in which each stands behind those that it starts from. */
  readonly stages: readonly PlannedStage[];
  readonly target: PlannedStage;
  /** What an `ARG` without a default takes when the build doesn't give it: values for all stages, and the predefined ones. */
  readonly args: ReadonlyMap<string, string>;
  readonly asked: readonly AskedArg[];
  /** What quotes a character in triggers of base images. */
  readonly escape: Escape;
}

/** Something that stages are read from. */
export interface Frontend {
  /** What it says of checks. */
  readonly directives: readonly Directive[];
  /** @throws {BuildError} not-found, for the target; invalid-argument */
  plan(options: PlanOptions): Promise<Plan>;
}

/** A step of a stage as a frontend has it: what it comes to may depend on the variables that the stage has by then. */
export interface StageInstruction {
  readonly kind: Step["kind"];
  /** As it is written there. */
  readonly keyword: string;
  readonly span: Span;
  /** The comments above it. */
  readonly comments?: readonly string[];
  /** Names of build arguments that it declares. */
  readonly args: readonly string[];
  /** What another build is to do that starts from its image: an instruction of a Dockerfile. */
  readonly trigger?: string;
  /** What it reads besides its own stage and the context. @throws {BerthError} invalid-argument */
  sources(): readonly StageSource[];
  /**
   * The step, and what progress calls it; that is empty for one that makes no layer.
   *
   * @throws {BerthError} invalid-argument
   */
  read(state: StageState, context: StageContext): { readonly step: Step; readonly shown: string };
}
