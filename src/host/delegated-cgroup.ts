import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { codeOf } from "../base/errors.ts";
import { type CgroupLayout, cgroupIn, cgroupMountPoint } from "./cgroup.ts";
import { childrenOf } from "./process.ts";
import type { Lack } from "./user-namespaces.ts";

/** The words in front of a command that give it a cgroup of its own, by the manager of the user who starts it. */
export const scopeWords = ["systemd-run", "--user", "--scope", "-p", "Delegate=yes"] as const;

/** Where this process goes in its cgroup: one that gives controllers to those below it may have no processes itself. */
const ownGroup = "berth-command";

/** What of a cgroup whoever it is delegated to may write. @see cgroups(7), Cgroups v2 delegation */
const delegated = ["", "cgroup.procs", "cgroup.subtree_control"];

/** A cgroup in which this process may make others, from the hierarchy's root; or why it has none. */
export type Delegation = { readonly path: string } | { readonly lack: Lack };

/** Look for the cgroup that this process may make others in, with these controllers for them. */
export function findDelegation({ version }: CgroupLayout, controllers: readonly string[]): Delegation {
  const path = version === 2 ? delegatedPath(readFileSync("/proc/self/cgroup", "utf8")) : undefined;
  if (path === undefined) {
    const what = "on cgroup v1 only root makes them";
    return { lack: { what, remedy: "Boot the machine with systemd.unified_cgroup_hierarchy=1, or build as root" } };
  }
  const directory = join(cgroupMountPoint, path);
  if (!delegated.every((name) => isWritable(join(directory, name)))) {
    return { lack: { what: `this user may not write to the cgroup ${path}`, remedy: inScope } };
  }
  const missing = missingFrom(wordsOf(join(directory, "cgroup.controllers")), controllers);
  if (missing.length > 0) return { lack: lackOfControllers(path, missing) };
  const own = withDescendants(process.pid).map(String);
  if (wordsOf(join(directory, "cgroup.procs")).some((pid) => !own.includes(pid))) {
    const remedy = `Move these into a cgroup below it. ${inScope}`;
    return { lack: { what: `the cgroup ${path} has other processes in it`, remedy } };
  }
  return { path };
}

/**
 * Make the cgroup of {@link findDelegation} one for others: this process and what it has started go into one below it, and those beside that one
 * get the controllers. Doing so again changes nothing.
 */
export function openDelegation(path: string, controllers: readonly string[]): void {
  const directory = join(cgroupMountPoint, path);
  mkdirSync(join(directory, ownGroup), { recursive: true });
  for (const pid of wordsOf(join(directory, "cgroup.procs"))) moveIfThere(join(directory, ownGroup), pid);
  const given = wordsOf(join(directory, "cgroup.subtree_control"));
  for (const name of missingFrom(given, controllers)) {
    writeFileSync(join(directory, "cgroup.subtree_control"), `+${name}`, { flag: "r+" });
  }
}

/** The cgroup of version 2 that may be a process's to share out: its own, or the one above where it has moved already. */
export function delegatedPath(table: string): string | undefined {
  const path = cgroupIn(table, "");
  return path !== undefined && basename(path) === ownGroup ? dirname(path) : path;
}

/** The cgroup of the user's manager that a path leads through. @see user@.service(5) */
export function managerOf(path: string): string | undefined {
  return /^.*?\/user@\d+\.service(?=\/|$)/.exec(path)?.[0];
}

const inScope = `Start the command by \`${scopeWords.join(" ")}\`, as a service of systemd with Delegate=yes, or in a container that may write to its cgroup`;

/** What a manager has and a unit of it hasn't got, the unit need only ask for. */
function lackOfControllers(path: string, missing: readonly string[]): Lack {
  const manager = managerOf(path);
  const what = `${missing.join(" and ")} ${missing.length === 1 ? "isn't" : "aren't"} delegated to the cgroup ${path}`;
  if (manager === undefined) return { what, remedy: inScope };
  const atMost = wordsOf(join(cgroupMountPoint, manager, "cgroup.controllers"));
  if (missingFrom(atMost, missing).length === 0) return { what, remedy: inScope };
  const remedy = `As root, \`systemctl edit user@.service\` with the lines [Service] and Delegate=${[...new Set([...atMost, ...missing])].sort().join(" ")}; then log in anew`;
  return { what, remedy };
}

function withDescendants(pid: number): readonly number[] {
  return [pid, ...(childrenOf(pid) ?? []).flatMap(withDescendants)];
}

function missingFrom(there: readonly string[], wanted: readonly string[]): readonly string[] {
  return wanted.filter((name) => !there.includes(name));
}

function wordsOf(path: string): readonly string[] {
  return readFileSync(path, "utf8").split(/\s+/).filter(Boolean);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch (error) {
    if (["EACCES", "EROFS", "ENOENT"].includes(codeOf(error) ?? "")) return false;
    throw error;
  }
}

function moveIfThere(group: string, pid: string): void {
  try {
    writeFileSync(join(group, "cgroup.procs"), pid, { flag: "r+" });
  } catch (error) {
    if (codeOf(error) !== "ESRCH") throw error;
  }
}
