import { existsSync, readFileSync } from "node:fs";

/** Which cgroup hierarchies this machine has. `hybrid` is v1 controllers with an empty v2 tree below `unified`. */
export interface CgroupLayout {
  readonly version: 1 | 2;
  readonly hybrid: boolean;
  /** Controllers that containers can be limited by: `cpu`, `cpuset`, `memory`, `devices`, `pids`, … */
  readonly controllers: readonly string[];
}

/** Where the hierarchies of this machine are mounted. */
export const cgroupMountPoint = "/sys/fs/cgroup";

/** Look at the cgroup hierarchies of this machine. @see cgroups(7) */
export function probeCgroups(): CgroupLayout {
  const unified = `${cgroupMountPoint}/cgroup.controllers`;
  if (existsSync(unified)) {
    return { version: 2, hybrid: false, controllers: readFileSync(unified, "utf8").trim().split(" ") };
  }
  // /proc/cgroups has name, hierarchy, number of cgroups, enabled; a hierarchy of 0 isn't mounted.
  const controllers = readFileSync("/proc/cgroups", "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split("\t"))
    .filter(([, hierarchy, , enabled]) => hierarchy !== "0" && enabled === "1")
    .map(([name]) => name ?? "");
  return { version: 1, hybrid: existsSync(`${cgroupMountPoint}/unified/cgroup.procs`), controllers };
}

/**
 * The path of a process's cgroup in one hierarchy, from that hierarchy's root; undefined where the process is in none.
 *
 * @param table what `/proc/PID/cgroup` says
 * @param controller of the hierarchy's; empty for that of version 2
 * @see cgroups(7), /proc files
 */
export function cgroupIn(table: string, controller: string): string | undefined {
  for (const line of table.split("\n")) {
    // A path may have colons in it.
    const [, controllers = "", path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path !== undefined && controllers.split(",").includes(controller)) return path;
  }
  return undefined;
}
