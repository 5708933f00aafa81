import type { DebianRelease } from "../../support/docker.ts";
import type { FileSpec } from "./context.ts";

/** One build of a case, in the context that the builds before it left. */
export interface Build {
  /** The Dockerfile; without one that of the build before. */
  readonly Dockerfile?: string;
  /** Files that are made or changed before; null deletes one. Names are relative to the context; `../other/x` is beside it. */
  readonly files?: Readonly<Record<string, FileSpec | null>>;
  /** Flags; the context is `.`, where both commands run. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The image that the build makes, and whose name a later `FROM` of the case may have; `built` without one. */
  readonly image?: string;
  /** What is compared instead of an image: the files of the directory `out`, which `--output` in `args` names. */
  readonly out?: boolean;
  /** Both fail, with one exit code: with the same message after `failed to solve:`, or each with one that matches. */
  readonly fails?: true | RegExp;
  /** Whether the step names and which of them ran are compared; of every build of a case but the first, without it. */
  readonly steps?: boolean;
}

/** Builds of both engines that end alike. */
export interface BuildCase extends Build {
  readonly name: string;
  /** The Debian release whose Docker it is built beside; without one that of its table. */
  readonly beside?: DebianRelease;
  /** Builds after the first. */
  readonly later?: readonly Build[];
  /** Where berth differs on purpose. */
  readonly differs?: Difference;
}

/** A difference that stays. Each rewrite makes of BuildKit's outcome, as JSON, what berth's is. */
export interface Difference {
  readonly because: string;
  readonly rewrites: readonly (readonly [string, string])[];
}
