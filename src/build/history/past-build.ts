import type { Span } from "../../dockerfile/ast.ts";
import type { Resources } from "../../runtime/spec.ts";
import type { ExecOp } from "../graph.ts";
import type { StepSecurity, StepSettings } from "../step-settings.ts";

/** How a build ended. */
export type BuildStatus = "completed" | "error" | "canceled";

/**
 * How a step of a build ended. `cached`: its result was there. `failed`: it ran and went wrong, or could not begin. `canceled`: it ran, and
 * was stopped. `skipped`: it was not reached.
 */
export type StepOutcome = "cached" | "ran" | "failed" | "canceled" | "skipped";

/** What a step is keyed by, beside what it stands on: an argument, a setting, a part of the instruction. */
export interface StepField {
  readonly kind: "instruction" | "argument" | "variable" | "secret" | "mount" | "file" | "setting";
  /** Empty for what has none. */
  readonly name: string;
  /** Whole where it is short; else, and where the name says that it is a secret, a digest alone. */
  readonly value: string;
}

/** Another step that a step stands on or reads from. The first is the file system that it begins with. */
export interface StepSource {
  readonly vertex: string;
  /** What it came to: a chain of layers; null for the empty file system, and for a build context, which has files instead. */
  readonly result: string | null;
  /** Of a build context: its name, empty for the one that has none. */
  readonly context?: string;
}

/** Files from a build context that a step reads. */
export interface StepFiles {
  /** Names the content, and the list of the files where there is one. */
  readonly key: string;
  /** `/app`, the target of a mount; empty for what is copied. */
  readonly mount: string;
}

/** Everything that a step is keyed by. */
export interface StepInputs {
  /** The operation alone, as a digest. */
  readonly definition: string;
  readonly fields: readonly StepField[];
  readonly sources: readonly StepSource[];
  readonly files: readonly StepFiles[];
  /** The name of the result; absent for what has none, such as a base image. */
  readonly key?: string;
  /** No result was looked up. */
  readonly noCache?: true;
}

/** What the command of a `RUN` ran with. */
export interface StepCommand {
  readonly op: Omit<ExecOp, "kind" | "args">;
  /** Of its programs, where that isn't this machine's. */
  readonly architecture?: string;
  /** Variables whose values aren't kept: they are, or may be, secrets. */
  readonly withheld?: readonly string[];
}

/** One step of an earlier build. Times are milliseconds since the build began. */
export interface PastStep {
  /** Digest of the vertex; of what isn't one, such as `[internal] load .dockerignore`, of its name. */
  readonly vertex: string;
  /** As progress showed it. */
  readonly name: string;
  /** What kind of operation it is: `exec`, `copy`, `image`, …; absent for what is no vertex. */
  readonly op?: string;
  /** Lines of the Dockerfile. */
  readonly span?: Span;
  readonly outcome: StepOutcome;
  /** When everything that it needs was there. */
  readonly ready?: number;
  /** When it began; absent for what never did. */
  readonly started?: number;
  /** Milliseconds that it ran. */
  readonly duration?: number;
  readonly error?: string;
  /** Absent for what isn't a vertex, or was not reached. */
  readonly inputs?: StepInputs;
  /** Of a `RUN` that was reached; absent where it is too long, and in records of older versions. */
  readonly command?: StepCommand;
}

/** What a list of builds says of one. */
export interface BuildSummary {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly started: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly status: BuildStatus;
  readonly error?: string;
  /** As buildx names it: the context's directory, the Dockerfile where it isn't the usual one, the target. */
  readonly name: string;
  /** Absolute, an address, or `-` for what came as a stream. */
  readonly context: string;
  readonly dockerfile: string;
  readonly target?: string;
  readonly platform: string;
  readonly tags: readonly string[];
  readonly image?: string;
  /** Steps in all, those of them that came to an end, and those of these that were cached. */
  readonly steps: { readonly total: number; readonly completed: number; readonly cached: number };
}

/** An earlier build with its steps, in the order in which they were told of; what was skipped comes last. */
export interface PastBuild extends BuildSummary {
  readonly recorded: readonly PastStep[];
  /** Steps beyond the most that are kept. */
  readonly omitted: number;
  /** Stages that the target doesn't need. */
  readonly unneeded: readonly string[];
  /** `--build-arg`s; a digest in place of a value that is long, or whose name says that it is a secret. */
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  /** Absent in records of older versions. */
  readonly asked?: AskedBuild;
}

/**
 * What a build was asked beside what the rest of its record says: enough to ask for the same again, but for what is withheld. Values of
 * labels are in the image.
 */
export interface AskedBuild {
  /** A directory, absolute, or an address. */
  readonly context?: string;
  /** Path of the Dockerfile: absolute, or in a context that isn't a directory. The usual one when absent. */
  readonly dockerfile?: string;
  readonly platform?: string;
  readonly network?: string;
  readonly allow?: readonly string[];
  readonly resources?: Resources;
  readonly settings?: StepSettings;
  readonly security?: StepSecurity;
  /** Named contexts; directories are absolute. */
  readonly contexts?: Readonly<Record<string, string>>;
  /** Names of labels. */
  readonly labels?: readonly string[];
  /** What was given and isn't kept: secrets, streams, addresses with credentials in them. */
  readonly withheld?: readonly Withheld[];
}

/** Something that a build was given and that no record keeps, by the flag of `build` that gave it. */
export interface Withheld {
  readonly flag: "context" | "file" | "secret" | "ssh" | "build-arg" | "build-context";
  /** Of the secret, the argument, …; empty for a flag that is given once. */
  readonly name: string;
}
