import { controllersFor } from "../runtime/spec.ts";
import type { BuildOptions } from "./build.ts";

/** What of a build needs cgroups for its steps. */
type Limits = Pick<BuildOptions, "resources" | "settings">;

/** The controllers of cgroup v2 that steps with these limits need; undefined where they need no cgroup. */
export function neededControllers({ resources = {}, settings = {} }: Limits): readonly string[] | undefined {
  if (settings.cgroupParent === undefined && Object.keys(resources).length === 0) return undefined;
  return controllersFor(resources);
}

/**
 * Have an ordinary user's command go on in a cgroup in which it may limit steps, where it isn't in one. To be called before anything is
 * done, and before standard input is read: the command may start anew. @see enterScope
 */
export async function scopeForLimits(builds: readonly Limits[], env: NodeJS.ProcessEnv): Promise<void> {
  const needed = builds.map(neededControllers).filter((each) => each !== undefined);
  if (needed.length === 0) return;
  const { enterScope } = await import("../host/own-scope.ts");
  enterScope(env, [...new Set(needed.flat())]);
}
