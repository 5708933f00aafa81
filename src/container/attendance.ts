import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../host/lock.ts";
import { attendancePath, type ContainerDeps, exitDirectory } from "./deps.ts";
import { recordedContainer } from "./records.ts";

/**
 * Wait for a container, as others may too: how it ended is kept until the last of them disposes this, though another process may have
 * settled its end and removed it by then.
 *
 * @returns undefined where its end is being settled
 */
export function attend(deps: ContainerDeps, id: string): Disposable | undefined {
  const held = tryLock(deps.host.syscalls, attendancePath(deps, id), { kind: "shared" });
  if (held === undefined) return undefined;
  return {
    [Symbol.dispose]() {
      held[Symbol.dispose]();
      if (!isAttended(deps, id)) endAttendance(deps, id);
    },
  };
}

/** Whether somebody waits for a container, or is settling its end. */
export function isAttended(deps: ContainerDeps, id: string): boolean {
  const path = attendancePath(deps, id);
  using free = tryLock(deps.host.syscalls, path, { create: false });
  return free === undefined && existsSync(path);
}

/** Delete what was left to those who attend. */
export function endAttendance(deps: ContainerDeps, id: string): void {
  rmSync(attendancePath(deps, id), { force: true });
  if (recordedContainer(deps, id) === undefined) rmSync(join(exitDirectory(deps), id), { force: true });
}
