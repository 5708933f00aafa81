import { type BigIntStats, lstatSync, readdirSync } from "node:fs";
import { BerthError, codeOf } from "../base/errors.ts";
import { linux, type Syscalls } from "../host/syscalls.ts";
import { type ByteString, bytesOf, pathOf, textOf } from "./byte-string.ts";

/** A file that {@link walk} came by. */
export interface WalkedFile {
  /** Relative to where the walk began; empty for that itself. */
  readonly name: ByteString;
  readonly path: ByteString;
  readonly stats: BigIntStats;
}

/** What {@link walk} takes beside. */
export interface WalkOptions {
  /** False for a directory whose content is to be left out. */
  readonly enter?: (file: WalkedFile) => boolean;
  /** How files are looked at; as the kernel tells when absent. */
  readonly syscalls?: Pick<Syscalls, "lstatExact">;
}

/**
 * A file and all that is below it: depth first, each directory before its content, names in the order of their bytes.
 * No link is followed. What goes away meanwhile is passed over.
 *
 * @throws {BerthError} not-found, when nothing is at `start`
 */
export function* walk(
  start: ByteString,
  { enter = () => true, syscalls = linux }: WalkOptions = {},
): Generator<WalkedFile> {
  const pending: ByteString[] = [""];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const path = name === "" ? start : `${start}/${name}`;
    const stats = syscalls.lstatExact(pathOf(path));
    if (stats === undefined) {
      if (name !== "") continue;
      throw new BerthError("not-found", `lstat ${textOf(start)}: no such file or directory`);
    }
    const file = { name, path, stats };
    yield file;
    if (!stats.isDirectory() || !enter(file)) continue;
    for (const child of namesIn(file).sort(descending)) pending.push(childOf(name, child));
  }
}

/** Sum of the sizes of the regular files at `path` and below it, hard links once, bytes; 0 where nothing is. */
export function sizeOfFiles(path: string): number {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return 0;
  const counted = new Set<bigint>();
  let bytes = 0;
  for (const { stats } of walk(bytesOf(path))) {
    if (stats.isFile() && !counted.has(stats.ino)) bytes += Number(stats.size);
    if (stats.nlink > 1n) counted.add(stats.ino);
  }
  return bytes;
}

/** The path of `name` in a directory; in the start of a walk where `directory` is empty. */
export function childOf(directory: ByteString, name: ByteString): ByteString {
  return directory === "" ? name : `${directory}/${name}`;
}

/** True when {@link walk} comes by `a` before `b`. */
export function isBefore(a: ByteString, b: ByteString): boolean {
  // What is in a directory comes before its siblings, whatever their next character is.
  return a.replaceAll("/", "\0") < b.replaceAll("/", "\0");
}

/** True when `error` came of a file that went away after the walk found it: the tree is in use. */
export function isGone({ path }: Pick<WalkedFile, "path">, error: unknown): boolean {
  return codeOf(error) === "ENOENT" && lstatSync(pathOf(path), { throwIfNoEntry: false }) === undefined;
}

function namesIn(directory: WalkedFile): ByteString[] {
  try {
    return readdirSync(pathOf(directory.path), "latin1");
  } catch (error) {
    if (isGone(directory, error)) return [];
    throw error;
  }
}

function descending(a: ByteString, b: ByteString): number {
  return a < b ? 1 : -1;
}
