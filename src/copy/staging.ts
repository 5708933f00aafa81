import type { Dirent } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { isID, randomID } from "../base/ids.ts";
import { type Lock, tryLock } from "../host/lock.ts";
import { linux } from "../host/syscalls.ts";

/** A directory for what isn't whole yet. Disposing it deletes it, where it still has its name. */
export interface Staging extends AsyncDisposable {
  readonly directory: string;
}

/** Make a directory beside what is to come of it, and delete those that processes left there which were killed. */
export async function openStaging(whole: string): Promise<Staging> {
  // A name has at most 255 bytes.
  const start = `.${basename(whole).slice(0, 40)}.`;
  await removeLeft(dirname(whole), start);
  for (;;) {
    const directory = join(dirname(whole), `${start}${randomID()}`);
    await mkdir(directory);
    const held = tryLock(linux, directory, { create: false });
    // Until it is locked, somebody else may take it for left behind.
    if (held !== undefined) return stagingOf(held);
  }
}

function stagingOf(held: Lock): Staging {
  return {
    directory: held.path,
    [Symbol.asyncDispose]: async () => {
      using _held = held;
      await rm(held.path, { recursive: true, force: true });
    },
  };
}

async function entriesIn(directory: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    throw new BerthError("not-found", `open ${directory}: no such file or directory`, { cause: error });
  }
}

async function removeLeft(parent: string, start: string): Promise<void> {
  for (const entry of await entriesIn(parent)) {
    if (!entry.isDirectory() || !entry.name.startsWith(start) || !isID(entry.name.slice(start.length))) continue;
    const path = join(parent, entry.name);
    using held = tryLock(linux, path, { create: false });
    if (held !== undefined) await rm(path, { recursive: true, force: true });
  }
}
