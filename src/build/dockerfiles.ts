import type { ImageDeps } from "../image/images.ts";
import type { CheckBuildOptions, CheckedBuild } from "./check.ts";
import type { BuildOutline, BuildTargets } from "./outline.ts";
import type { ReceiveDeps } from "./stream-context.ts";

/** Questions to a Dockerfile. Nothing is built, and nothing fetched. */
export interface Dockerfiles {
  /** What deserves a warning. @throws {BerthError} when the context or the Dockerfile can't be read */
  check(options: CheckBuildOptions): Promise<CheckedBuild>;
  /** What a build of a target can be given. @throws {BuildError} */
  outline(options: CheckBuildOptions): Promise<BuildOutline>;
  /** The stages that a build can stop at. @throws {BuildError} */
  targets(options: CheckBuildOptions): Promise<BuildTargets>;
}

/** Open {@link Dockerfiles} on a store, which knows of base images. */
export function openDockerfiles(deps: ImageDeps & ReceiveDeps): Dockerfiles {
  return {
    check: async (options) => (await import("./check.ts")).checkBuild(deps, options),
    outline: async (options) => (await import("./outline.ts")).outlineBuild(deps, options),
    targets: async (options) => (await import("./outline.ts")).buildTargets(deps, options),
  };
}
