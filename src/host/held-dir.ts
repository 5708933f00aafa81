import { mkdirSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TempDir } from "../base/disposal.ts";
import { codeOf } from "../base/errors.ts";
import { randomHex } from "../base/ids.ts";
import { type Lock, tryLock } from "./lock.ts";
import type { Syscalls } from "./syscalls.ts";

/**
 * Make a directory named `prefix` and random characters below `parent` that is gone when its scope ends, and that others
 * know to be in use until this process ends, however it ends.
 */
export async function heldDir(syscalls: Syscalls, parent: string, prefix: string): Promise<TempDir> {
  const path = join(parent, prefix + randomHex(6));
  const held = await holdDir(syscalls, path);
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await rm(path, { recursive: true, force: true });
      held[Symbol.dispose]();
    },
  };
}

/**
 * Make a directory, and lock it itself: a lock in it could be made anew by who looks, while it is deleted. Who finds it
 * before it is locked may take it for abandoned: then again.
 */
export async function holdDir(syscalls: Syscalls, path: string): Promise<Lock> {
  for (;;) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const held = tryLock(syscalls, path, { create: false });
    if (held !== undefined) return held;
    await sleep(1);
  }
}

/** Names of the directories in `parent` whose process is gone. */
export function abandonedDirs(syscalls: Syscalls, parent: string, prefix: string = ""): readonly string[] {
  return namesIn(parent).filter((name) => name.startsWith(prefix) && !isHeld(syscalls, join(parent, name)));
}

/** True while the process lives that holds it, and where there is no such directory: nothing is left there. */
export function isHeld(syscalls: Syscalls, path: string): boolean {
  using taken = tryLock(syscalls, path, { create: false });
  return taken === undefined;
}

/** Delete a directory of {@link heldDir}, unless its process lives. */
export async function removeAbandoned(syscalls: Syscalls, path: string): Promise<void> {
  using taken = tryLock(syscalls, path, { create: false });
  if (taken !== undefined) await rm(path, { recursive: true, force: true });
}

/** Names in a directory; none where there is no such directory. */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
