import { type BigIntStats, closeSync, constants, openSync, readSync } from "node:fs";
import { type ByteString, bytesOf, pathOf, textOf } from "../archive/byte-string.ts";
import { type FileKind, kindOf } from "../archive/file-kind.ts";
import { childOf, type WalkedFile } from "../archive/walk.ts";
import { BerthError } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { LayerStack } from "./layer-stack.ts";
import { resolve, resolveParents } from "./resolve-path.ts";

/** What kind of file an entry is. */
export type EntryKind = FileKind;

/** One file of a merged tree. */
export interface TreeEntry {
  /** Absolute inside the root. */
  readonly path: string;
  /** Where the file lies on this machine. */
  readonly source: string;
  readonly kind: EntryKind;
  readonly stats: BigIntStats;
}

/**
 * Layers seen as one file system, whiteouts applied, read without a mount. No path leads out of it.
 *
 * Names that are no UTF-8 have a character of U+DC80 to U+DCFF for each byte that isn't; `bytesOf` and `pathOf` give what
 * the file system takes.
 */
export interface MergedTree {
  /** The entry at `path`, a symlink in the last place not followed (but on the way); undefined when nothing is there. */
  lstat(path: string): TreeEntry | undefined;
  /** The entry at `path`, every symlink followed inside the root; undefined when nothing is there. */
  stat(path: string): TreeEntry | undefined;
  /**
   * `path` with every symlink resolved inside the root; what doesn't exist is kept as written.
   *
   * @throws {BerthError} invalid-argument, when it leads through more than 255 links
   */
  resolve(path: string): string;
  /** Names in a directory, links to it followed, in the order of their bytes; empty when it is none. */
  readdir(path: string): readonly string[];
  /** The files in a directory, as {@link MergedTree.lstat} tells of each, looked at one by one; in the order of their names' bytes. */
  entries(path: string): Iterable<TreeEntry>;
  /** Every file, as {@link walk} goes through a directory: depth first, names in the order of their bytes, no link followed. */
  walk(): Iterable<WalkedFile>;
  /** The bytes of a regular file, links followed. @throws {BerthError} not-found; invalid-argument, over `limit` bytes */
  readFile(path: string, limit: number): Buffer;
}

/** Directories of a tree, absolute. */
export interface TreeLayers {
  /** Never written while they are read, the topmost first. */
  readonly layers: readonly string[];
  /** On top of them, and being written: what it has is looked up anew each time. */
  readonly upper?: string;
}

/** The merged view of layers in overlayfs's form. */
export function mergedTree(syscalls: Syscalls, { layers, upper }: TreeLayers): MergedTree {
  const stack = new LayerStack(syscalls, {
    layers: layers.map(bytesOf),
    ...(upper === undefined ? {} : { upper: bytesOf(upper) }),
  });
  return {
    lstat: (path) => entryAt(stack, resolveParents(stack, bytesOf(path))),
    stat: (path) => entryAt(stack, resolve(stack, bytesOf(path))),
    resolve: (path) => `/${textOf(resolve(stack, bytesOf(path)))}`,
    readdir: (path) => stack.names(resolve(stack, bytesOf(path))).map(textOf),
    entries: (path) => entriesOf(stack, resolve(stack, bytesOf(path))),
    walk: () => walkStack(stack),
    readFile: (path, limit) => readFile(stack, path, limit),
  };
}

function entryAt(stack: LayerStack, path: ByteString): TreeEntry | undefined {
  const file = stack.find(path);
  if (file === undefined) return undefined;
  const { source, stats } = file;
  return { path: `/${textOf(path)}`, source: textOf(source), kind: kindOf(stats), stats };
}

function* entriesOf(stack: LayerStack, directory: ByteString): Generator<TreeEntry> {
  for (const name of stack.names(directory)) {
    const entry = entryAt(stack, childOf(directory, name));
    if (entry !== undefined) yield entry;
  }
}

function* walkStack(stack: LayerStack): Generator<WalkedFile> {
  const pending: ByteString[] = [""];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const file = stack.find(name);
    // Gone since its directory was listed: the tree is in use.
    if (file === undefined) continue;
    yield { name, path: file.source, stats: file.stats };
    if (!file.stats.isDirectory()) continue;
    for (const child of stack.names(name).toReversed()) pending.push(childOf(name, child));
  }
}

function readFile(stack: LayerStack, path: string, limit: number): Buffer {
  const file = stack.find(resolve(stack, bytesOf(path)));
  if (file?.stats.isFile() !== true) throw new BerthError("not-found", `${path}: no such file`);
  const fd = openSync(pathOf(file.source), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    // One byte more than it should have tells a file that has grown.
    const buffer = Buffer.alloc(Math.min(Number(file.stats.size), limit) + 1);
    let used = 0;
    for (let read = 1; read > 0 && used < buffer.length; used += read) read = readSync(fd, buffer, { offset: used });
    if (used > limit) throw new BerthError("invalid-argument", `${path} is larger than ${limit} bytes`);
    return buffer.subarray(0, used);
  } finally {
    closeSync(fd);
  }
}
