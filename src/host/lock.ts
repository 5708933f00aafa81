import { closeSync, constants, fstatSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../base/errors.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import type { Host } from "./host.ts";
import type { Syscalls } from "./syscalls.ts";

/** A lock on a file or a directory, held until it is disposed or the process ends. */
export interface Lock extends Disposable {
  readonly path: string;
}

/** Where the lock lies that belongs to an ID: of a container, or of what has an address as a container has. */
export function lockPath({ runRoot }: Pick<Host, "runRoot">, id: string): string {
  return join(runRoot, "locks", id);
}

/** How a lock is taken. */
export interface LockOptions {
  /** `exclusive` when absent. */
  readonly kind?: "exclusive" | "shared";
  /** False: only what is there is locked. Otherwise the file is made, with its directory. */
  readonly create?: boolean;
}

/** Take a lock if nobody holds it. Another process's death frees its locks. */
export function tryLock(syscalls: Syscalls, path: string, options: LockOptions = {}): Lock | undefined {
  const fd = openLock(path, options);
  if (fd === undefined) return undefined;
  let kept = false;
  try {
    // The file may have been deleted, with its directory, between open and lock.
    kept =
      syscalls.tryFlock(fd, options.kind ?? "exclusive") &&
      fstatSync(fd).ino === statSync(path, { throwIfNoEntry: false })?.ino;
  } finally {
    if (!kept) closeSync(fd);
  }
  return kept ? { path, [Symbol.dispose]: () => closeSync(fd) } : undefined;
}

/** @returns undefined where the file, or its directory, is missing or is just being deleted */
function openLock(path: string, { create = true }: LockOptions): number | undefined {
  try {
    if (create) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openSync(path, constants.O_RDONLY | (create ? constants.O_CREAT : 0), 0o600);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Wait for a lock, with growing pauses: a blocking flock would stop the event loop. Without `create`, for the file too. */
export async function lock(
  syscalls: Syscalls,
  path: string,
  { signal, ...options }: Operation & LockOptions = {},
): Promise<Lock> {
  for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
    signal?.throwIfAborted();
    const taken = tryLock(syscalls, path, options);
    if (taken !== undefined) return taken;
    await sleep(pause, undefined, stoppedBy(signal));
  }
}
