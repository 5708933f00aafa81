import { closeSync, constants, fstatSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Operation } from "../base/operation.ts";
import type { Syscalls } from "./syscalls.ts";

/** A lock on a file, held until it is disposed or the process ends. */
export interface Lock extends Disposable {
  readonly path: string;
}

/** Take a lock if nobody holds it; the file is made when it is missing. Another process's death frees its locks. */
export function tryLock(
  syscalls: Syscalls,
  path: string,
  kind: "exclusive" | "shared" = "exclusive",
): Lock | undefined {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  let kept = false;
  try {
    // The file may have been deleted, with its directory, between open and lock.
    kept = syscalls.tryFlock(fd, kind) && fstatSync(fd).ino === statSync(path, { throwIfNoEntry: false })?.ino;
  } finally {
    if (!kept) closeSync(fd);
  }
  return kept ? { path, [Symbol.dispose]: () => closeSync(fd) } : undefined;
}

/** Wait for a lock, with growing pauses: a blocking flock would stop the event loop. */
export async function lock(syscalls: Syscalls, path: string, { signal }: Operation = {}): Promise<Lock> {
  for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
    const taken = tryLock(syscalls, path);
    if (taken !== undefined) return taken;
    await sleep(pause, undefined, signal === undefined ? {} : { signal });
  }
}
