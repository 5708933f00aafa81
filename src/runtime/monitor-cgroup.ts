import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import { type CgroupLayout, cgroupMountPoint } from "../host/cgroup.ts";

/** The hierarchies that login managers and CI runners end processes by; `systemd` is v1's named one. */
const hierarchies = ["systemd", "memory", "pids", "freezer"];

const passedOver: readonly string[] = ["ENOENT", "EROFS", "EACCES", "EPERM", "ESRCH"];

/** Move a monitor to a cgroup of its own. A hierarchy that isn't there or forbids it is passed over, as is a process that ended. */
export async function joinMonitorCgroup(layout: CgroupLayout, pid: number): Promise<void> {
  const tops = layout.version === 2 ? [cgroupMountPoint] : hierarchies.map((name) => join(cgroupMountPoint, name));
  for (const top of tops) {
    const group = join(top, "berth-monitors");
    try {
      await mkdir(group, { recursive: true });
      await writeFile(join(group, "cgroup.procs"), String(pid));
    } catch (error) {
      if (!passedOver.includes(codeOf(error) ?? "")) throw error;
    }
  }
}
