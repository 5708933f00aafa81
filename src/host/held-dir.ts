import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { TempDir } from "../base/disposal.ts";
import { codeOf } from "../base/errors.ts";
import { lock, tryLock } from "./lock.ts";
import type { Syscalls } from "./syscalls.ts";

const lockName = "lock";

/**
 * Make a directory named `prefix` and random characters below `parent` that is gone when its scope ends, and that others
 * know to be in use until this process ends, however it ends. It holds a file named `lock`.
 */
export async function heldDir(syscalls: Syscalls, parent: string, prefix: string): Promise<TempDir> {
  const path = join(parent, prefix + randomBytes(6).toString("hex"));
  const held = await lock(syscalls, join(path, lockName));
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await removeHeld(path);
      held[Symbol.dispose]();
    },
  };
}

/** Names of the directories in `parent` whose process is gone. */
export function abandonedDirs(syscalls: Syscalls, parent: string, prefix: string = ""): readonly string[] {
  return namesIn(parent).filter((name) => name.startsWith(prefix) && !isHeld(syscalls, join(parent, name)));
}

/** True while the process that made a {@link heldDir} lives. */
function isHeld(syscalls: Syscalls, path: string): boolean {
  using taken = tryLock(syscalls, join(path, lockName), { create: "file" });
  return taken === undefined;
}

/** Delete a directory of {@link heldDir}, unless its process lives. */
export async function removeAbandoned(syscalls: Syscalls, path: string): Promise<void> {
  using taken = tryLock(syscalls, join(path, lockName), { create: "file" });
  if (taken !== undefined) await removeHeld(path);
}

/** Delete a directory that holds a lock. Whoever looks at that moment whether it is in use makes the lock in it anew: then again. */
export async function removeHeld(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 1 });
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
