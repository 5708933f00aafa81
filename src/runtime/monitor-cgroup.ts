import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import type { CgroupLayout } from "../host/cgroup.ts";

const mountPoint = "/sys/fs/cgroup";
/** The hierarchies that login managers and CI runners end processes by; `systemd` is v1's named one. */
const hierarchies = ["systemd", "memory", "pids", "freezer"];

/** Move a monitor to a cgroup of its own below `berth/`. A hierarchy that isn't there or forbids it is passed over. */
export function joinMonitorCgroup(layout: CgroupLayout, pid: number): void {
  const tops = layout.version === 2 ? [mountPoint] : hierarchies.map((name) => join(mountPoint, name));
  for (const top of tops) {
    const group = join(top, "berth-monitors");
    try {
      mkdirSync(group, { recursive: true });
      writeFileSync(join(group, "cgroup.procs"), String(pid));
    } catch (error) {
      if (!["ENOENT", "EROFS", "EACCES", "EPERM"].includes(codeOf(error) ?? "")) throw error;
    }
  }
}
