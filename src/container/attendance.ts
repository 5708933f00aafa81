import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../host/lock.ts";
import { attendancePath, type ContainerDeps, exitDirectory } from "./deps.ts";
import { recordedContainer } from "./records.ts";

/**
 * Wait for a container in the foreground: how it ended is kept until this is disposed, though another process may have settled its end
 * and removed it by then.
 *
 * @returns undefined where another process does so
 */
export function attend(deps: ContainerDeps, id: string): Disposable | undefined {
  const held = tryLock(deps.host.syscalls, attendancePath(deps, id));
  if (held === undefined) return undefined;
  return {
    [Symbol.dispose]() {
      endAttendance(deps, id);
      held[Symbol.dispose]();
    },
  };
}

/** Whether somebody waits for a container in the foreground, or is settling its end. */
export function isAttended(deps: ContainerDeps, id: string): boolean {
  const path = attendancePath(deps, id);
  using free = tryLock(deps.host.syscalls, path, { create: false });
  return free === undefined && existsSync(path);
}

/** Delete what was left to whoever attends. */
export function endAttendance(deps: ContainerDeps, id: string): void {
  rmSync(attendancePath(deps, id), { force: true });
  if (recordedContainer(deps, id) === undefined) rmSync(join(exitDirectory(deps), id), { force: true });
}
