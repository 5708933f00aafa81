import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CgroupLayout, cgroupIn, cgroupMountPoint } from "../host/cgroup.ts";

/**
 * The kernel lets the first change of a cgroup wait for 10 ms and more, and those right after it pass. This is one that changes nothing,
 * for whoever is about to need another: the caller goes where it is. Where that can't be done, nothing gets quicker.
 *
 * @see cgroup_threadgroup_rwsem in kernel/cgroup/cgroup.c
 */
export function quickenCgroups({ version }: CgroupLayout): void {
  const controller = version === 2 ? "" : "devices";
  const path = cgroupIn(readFileSync("/proc/self/cgroup", "utf8"), controller);
  if (path === undefined) return;
  const group = join(cgroupMountPoint, controller, path);
  writeFile(join(group, "cgroup.procs"), String(process.pid), { flag: "r+" }).catch(() => undefined);
}
