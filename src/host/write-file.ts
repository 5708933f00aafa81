import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf } from "../base/errors.ts";
import { randomHex } from "../base/ids.ts";
import { linux } from "./syscalls.ts";

/** Tries before the loss of a temporary file is told. */
const tries = 3;

/** What a file gets: bytes, text as UTF-8, or what a function gives piece by piece; it may be asked again. */
export type FileContent = Uint8Array | string | (() => AsyncIterable<Uint8Array>);

/** How a file is written. */
export interface WriteOptions {
  /** Whose it becomes; the caller's when absent. Only root may say so. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Who may read and write it; the owner alone when absent. */
  readonly mode?: number;
}

/**
 * Write a file so that after a crash it is there whole or not at all: temporary name, fsync, rename, fsync of the directory.
 * The temporary file is locked, so that others can tell it from what a crash has left. Only the owner may read it, unless `mode` says otherwise.
 */
export async function writeFileDurably(path: string, content: FileContent, options: WriteOptions = {}): Promise<void> {
  for (let left = tries; !(await writeAndRename(path, content, { left, ...options })); left--);
  await syncDirectory(dirname(path));
}

/** Move a file to another name on the same file system, so that after a crash it has one of the two, and all its bytes. */
export async function moveDurably(from: string, to: string): Promise<void> {
  {
    await using file = await open(from, "r");
    await file.sync();
  }
  await rename(from, to);
  await syncDirectory(dirname(to));
}

/** Make a directory, and those above it, so that what is written there durably isn't lost with one of them. */
export async function makeDirectoryDurably(path: string): Promise<void> {
  const topmost = await mkdir(path, { recursive: true });
  if (topmost === undefined) return;
  for (let made = path; made.length >= topmost.length; made = dirname(made)) await syncDirectory(dirname(made));
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}

/** @returns false, when a collector took the file between its making and its lock */
async function writeAndRename(
  path: string,
  content: FileContent,
  { left, owner, mode }: WriteOptions & { readonly left: number },
): Promise<boolean> {
  const temporary = `${path}.${randomHex(6)}.tmp`;
  try {
    await using file = await open(temporary, "wx", 0o600);
    linux.tryFlock(file.fd, "exclusive");
    if (owner !== undefined) await file.chown(owner.uid, owner.gid);
    if (mode !== undefined) await file.chmod(mode);
    await file.writeFile(typeof content === "function" ? content() : content);
    await file.sync();
    await rename(temporary, path);
    return true;
  } catch (error) {
    await rm(temporary, { force: true });
    if (codeOf(error) === "ENOENT" && left > 1) return false;
    throw error;
  }
}
