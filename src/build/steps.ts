import type { CommandLine } from "../dockerfile/ast.ts";
import type { DeviceRequest } from "../dockerfile/device.ts";
import type { RunMount } from "../dockerfile/mount.ts";
import type { Healthcheck } from "../oci/image-config.ts";
import type { InlineFile } from "./graph.ts";
import type { StageSource } from "./stages.ts";

// What a stage does, one step after the other: instructions as values, with nothing left to parse or to expand. Every frontend makes
// these, and `apply-*.ts` makes vertices, configs and history of them. `Source` is how a step names what it reads from.

/** A mount for the time of one command. @see RunMount */
export interface MountStep<Source = StageSource> extends Omit<RunMount, "from"> {
  /** What it shows; the build context when absent. */
  readonly from?: Source;
}

/** A command in the file system: one layer. */
export interface RunStep<Source = StageSource> {
  readonly kind: "RUN";
  readonly command: CommandLine;
  /** Shown to the command below `/dev/pipes`. */
  readonly scripts: readonly InlineFile[];
  readonly mounts: readonly MountStep<Source>[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
  readonly devices: readonly DeviceRequest[];
  /** Who runs it, as `USER` has it; the stage's user when absent. */
  readonly user?: string;
  /** Where it runs; the stage's directory when absent, which a relative one begins at. */
  readonly cwd?: string;
  /** Variables for it alone, beside the stage's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What `COPY` and `ADD` have in common. */
export interface TransferStep {
  readonly sources: readonly string[];
  /** Files that the step itself has; copied after `sources`. */
  readonly files: readonly InlineFile[];
  readonly destination: string;
  /** Empty for the owner that there is. */
  readonly chown: string;
  /** As the flag has it; empty for the mode that there is. */
  readonly chmod: string;
  readonly exclude: readonly string[];
  /** `--link`: makes no difference to what comes of it. False when absent. */
  readonly link?: boolean;
}

/** Files of the context, a stage, an image: one layer. */
export interface CopyStep<Source = StageSource> extends TransferStep {
  readonly kind: "COPY";
  /** Where the sources are; in the build context when absent. */
  readonly from?: Source;
  readonly parents: boolean;
}

/** Files of the context, or what is fetched: one layer. */
export interface AddStep extends TransferStep {
  readonly kind: "ADD";
  /** Empty without one. */
  readonly checksum: string;
  readonly keepGitDir?: boolean;
  readonly unpack?: boolean;
}

/** Variables, labels. */
export interface PairsStep {
  readonly kind: "ENV" | "LABEL";
  readonly pairs: readonly (readonly [key: string, value: string])[];
}

/** Build arguments that the commands after it see. */
export interface ArgStep {
  readonly kind: "ARG";
  readonly args: readonly {
    readonly name: string;
    /** Absent when neither the build nor a default gives one. */
    readonly value?: string;
    /** True when it has a default of its own. */
    readonly hasDefault: boolean;
  }[];
}

/** What a container runs. */
export interface CommandStep {
  readonly kind: "CMD" | "ENTRYPOINT";
  readonly command: CommandLine;
}

/** Ports, volumes. */
export interface WordsStep {
  readonly kind: "EXPOSE" | "VOLUME";
  readonly words: readonly string[];
}

/** One value of the config. */
export interface SingleStep {
  readonly kind: "MAINTAINER" | "USER" | "STOPSIGNAL";
  readonly value: string;
}

/** The directory that steps and containers start in, made when it isn't there: one layer. */
export interface WorkdirStep {
  readonly kind: "WORKDIR";
  /** A relative one begins at the one before. */
  readonly value: string;
}

/** Steps with one value each that isn't a text. */
export type ConfigStep =
  | { readonly kind: "HEALTHCHECK"; readonly healthcheck: Healthcheck }
  | { readonly kind: "SHELL"; readonly shell: readonly string[] }
  | { readonly kind: "ONBUILD"; readonly expression: string };

/** Steps that only change the image's config. */
export type MetadataStep = PairsStep | ArgStep | CommandStep | WordsStep | SingleStep | ConfigStep;

/** Everything that a stage can do. */
export type Step<Source = StageSource> = RunStep<Source> | CopyStep<Source> | AddStep | WorkdirStep | MetadataStep;
