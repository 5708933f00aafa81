import { controllersFor } from "../runtime/spec.ts";
import type { BuildOptions } from "./build.ts";

/** What of a build needs cgroups for its steps. */
type Limits = Pick<BuildOptions, "resources" | "settings">;

/** The controllers of cgroup v2 that steps with these limits need; undefined where they need no cgroup. */
export function neededControllers({ resources = {}, settings = {} }: Limits): readonly string[] | undefined {
  if (settings.cgroupParent === undefined && Object.keys(resources).length === 0) return undefined;
  return controllersFor(resources);
}
