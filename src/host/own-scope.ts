import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { probeCgroups } from "./cgroup.ts";
import { delegatedPath, findDelegation, scopeWords } from "./delegated-cgroup.ts";
import { callerOf } from "./host.ts";
import { programPath } from "./user-namespaces.ts";

/** Name of the variable that says of a command that {@link enterScope} has started it. */
const scopeVariable = "BERTH_SCOPE";

/**
 * Start this command anew in a cgroup of its own, where it is an ordinary user's, needs one that gives these controllers to others, and
 * the user's manager can make it: out of a login's cgroup nobody but systemd moves a process. Whoever calls this has done nothing yet, and
 * read nothing of its standard input. Returns where there is nothing to be done, or nothing that can be.
 */
export function enterScope(env: NodeJS.ProcessEnv, controllers: readonly string[]): void {
  const program = programPath(scopeWords[0]);
  if (callerOf(env) === 0 || env[scopeVariable] !== undefined || program === undefined || !hasManager(env)) return;
  const cgroup = probeCgroups();
  if (cgroup.version !== 2 || "path" in findDelegation(cgroup, controllers)) return;
  const command = [process.execPath, ...process.execArgv, "--", ...process.argv.slice(1)];
  process.execve?.(program, [...scopeWords, "--quiet", "--", ...command], { ...env, [scopeVariable]: "1" });
}

/** Whether a manager of the user's is there. One outside of a container, whose cgroup looks like the root, knows its processes by other numbers. */
function hasManager(env: NodeJS.ProcessEnv): boolean {
  const runtime = env["XDG_RUNTIME_DIR"];
  if (runtime === undefined || !existsSync(join(runtime, "systemd/private"))) return false;
  return delegatedPath(readFileSync("/proc/self/cgroup", "utf8")) !== "/";
}
