import {
  chmodSync,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  symlinkSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path/posix";
import { setImmediate } from "node:timers/promises";
import { bytesOf } from "../archive/byte-string.ts";
import { readXattrs, writeXattrs } from "../archive/xattrs.ts";
import { BerthError } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import type { EntryKind, TreeEntry } from "../snapshot/merged-tree.ts";
import type { Owner, RootWriter } from "./root-writer.ts";
import type { SelectedFile, Selection } from "./select.ts";

/** Files of this size and more are copied by a thread, so that the event loop goes on. Bytes. */
const largeFile = 4 << 20;

/** Files after which others get a turn. */
const turn = 64;

/** How files are copied. */
export interface CopyOptions {
  readonly syscalls: Syscalls;
  /** Absolute inside the root; a slash or `/.` at its end means a directory. */
  readonly destination: string;
  /** Owner of everything that is copied, and of directories that are made for it; the source's when absent. */
  readonly owner?: Owner;
  /** Owner of files where `owner` is absent: a build context belongs to root. */
  readonly defaultOwner?: Owner;
  /** Permission bits of everything that is copied. */
  readonly mode?: number;
  readonly signal: AbortSignal;
}

/**
 * Copy a source into a destination by BuildKit's rules: of a directory the contents, a file under its own name when
 * the destination is a directory, missing directories made with mode 0755.
 *
 * @throws {BerthError} invalid-argument, when a file would replace a directory or the other way round
 */
export async function copySelection(writer: RootWriter, selection: Selection, options: CopyOptions): Promise<void> {
  const [source, ...below] = selection.files;
  if (source === undefined) return;
  const target = prepareTarget(writer, { ...selection, source }, options);
  const copier = new Copier(writer, options);
  if (source.entry.kind !== "dir") return copier.file(source.entry, target);
  for (const [index, file] of below.entries()) {
    if (index % turn === 0) await setImmediate();
    options.signal.throwIfAborted();
    await copier.below(file, join(target, file.path));
  }
  copier.finish();
}

/** The path, free of symlinks, that a source is copied to. Its directory is there; so is the path itself for a directory. */
function prepareTarget(
  writer: RootWriter,
  selection: { readonly name: string; readonly source: SelectedFile },
  options: CopyOptions,
): string {
  const { destination, owner } = options;
  const { name, source } = selection;
  writer.mkdirAll(/\/\.?$/.test(destination) ? destination : dirname(destination), owner);
  const resolved = writer.resolve(normalize(destination).replace(/(?<=.)\/$/, ""));
  if (source.entry.kind === "dir") {
    writer.mkdirAll(resolved, owner);
    return resolved;
  }
  return writer.lstat(resolved)?.kind === "dir" ? join(resolved, name) : resolved;
}

class Copier {
  readonly #writer: RootWriter;
  readonly #options: CopyOptions;
  /** Names of files with several, by device and inode: they are one file again in the copy. */
  readonly #links: Map<string, string> = new Map();
  /** Directories that this copy has made: nothing can be in the way of what goes into them. */
  readonly #fresh: Set<string> = new Set();
  /** Directories whose attributes come last, since each file made in one changes its times. */
  readonly #directories: (readonly [entry: TreeEntry, target: string])[] = [];

  constructor(writer: RootWriter, options: CopyOptions) {
    this.#writer = writer;
    this.#options = options;
  }

  /** Copy one file of a directory. */
  async below({ entry }: SelectedFile, path: string): Promise<void> {
    if (entry.kind === "dir") this.#directory(entry, path);
    else await this.file(entry, path);
  }

  finish(): void {
    for (const [entry, target] of this.#directories.toReversed()) this.#attributes(entry, target);
  }

  #directory(entry: TreeEntry, path: string): void {
    const existing = this.#existing(path);
    if (existing !== undefined && existing.kind !== "dir")
      throw new BerthError("invalid-argument", `cannot copy to non-directory: ${path}`);
    const target = existing === undefined ? this.#writer.place(path) : this.#writer.directory(path);
    if (existing === undefined) {
      mkdirSync(target);
      this.#fresh.add(path);
    }
    this.#directories.push([entry, target]);
  }

  async file(entry: TreeEntry, path: string): Promise<void> {
    if (this.#existing(path)?.kind === "dir")
      throw new BerthError("invalid-argument", `cannot replace to directory ${path} with file`);
    const target = this.#fresh.has(dirname(path)) ? this.#writer.placeNew(path) : this.#writer.place(path);
    if (entry.kind === "file") {
      if (this.#linkAgain(entry, target)) return;
      if (entry.stats.size < largeFile) copyFileSync(entry.source, target);
      else await copyFile(entry.source, target);
    } else if (entry.kind === "symlink") symlinkSync(readlinkSync(entry.source, "buffer"), target);
    else this.#node(entry, target);
    this.#attributes(entry, target);
  }

  #existing(path: string): TreeEntry | undefined {
    return this.#fresh.has(dirname(path)) ? undefined : this.#writer.lstat(path);
  }

  #linkAgain(entry: TreeEntry, target: string): boolean {
    if (entry.stats.nlink < 2) return false;
    const inode = `${entry.stats.dev}:${entry.stats.ino}`;
    const first = this.#links.get(inode);
    if (first === undefined) this.#links.set(inode, target);
    else linkSync(first, target);
    return first !== undefined;
  }

  #node(entry: TreeEntry, target: string): void {
    const { rdev } = entry.stats;
    // glibc's layout of a device number.
    const major = (rdev >>> 8) & 0xfff;
    const minor = (rdev & 0xff) | ((Math.floor(rdev / 2 ** 20) & 0xfff) << 8);
    this.#options.syscalls.mknod(target, nodeTypes[entry.kind] | 0o600, major, minor);
  }

  #attributes(entry: TreeEntry, target: string): void {
    const { syscalls, mode } = this.#options;
    const stats = lstatSync(entry.source, { bigint: true });
    const owner = this.#options.owner ?? this.#options.defaultOwner;
    lchownSync(target, owner?.uid ?? Number(stats.uid), owner?.gid ?? Number(stats.gid));
    if (entry.kind !== "symlink") chmodSync(target, mode ?? Number(stats.mode) & 0o7777);
    writeXattrs(syscalls, bytesOf(target), this.#xattrs(entry));
    syscalls.lutimes(target, stats.atimeNs, stats.mtimeNs);
  }

  /** A file that the context gives to another owner loses its capabilities, as with BuildKit and every chown(2). */
  #xattrs(entry: TreeEntry): ReadonlyMap<string, Buffer> {
    const xattrs = readXattrs(this.#options.syscalls, bytesOf(entry.source));
    if (this.#options.defaultOwner === undefined || !xattrs.has("security.capability")) return xattrs;
    return new Map([...xattrs].filter(([name]) => name !== "security.capability"));
  }
}

const nodeTypes: Readonly<Record<EntryKind, number>> = {
  file: 0o100000,
  dir: 0o040000,
  symlink: 0o120000,
  char: 0o020000,
  block: 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
};
