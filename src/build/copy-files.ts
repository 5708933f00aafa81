import { linkSync, mkdirSync, readlinkSync, symlinkSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";
import { setImmediate } from "node:timers/promises";
import { type ByteString, bytesOf, pathOf } from "../archive/byte-string.ts";
import { copyFile, type FileAttributes } from "../archive/copy-file.ts";
import { majorOf, minorOf } from "../archive/device.ts";
import { writeXattrs } from "../archive/xattrs.ts";
import { BerthError } from "../base/errors.ts";
import { spread } from "../host/spread.ts";
import type { Syscalls } from "../host/syscalls.ts";
import type { EntryKind, TreeEntry } from "../snapshot/merged-tree.ts";
import { changedMode, type ModeChange } from "./mode.ts";
import type { Owner, RootWriter } from "./root-writer.ts";
import type { SelectedFile, Selection } from "./select.ts";

/** Files after which others get a turn. */
const turn = 64;

/** A directory that gets more files has its further directories spread over the disk. */
const manyFiles = 1000;

/** How files are copied. */
export interface CopyOptions {
  readonly syscalls: Syscalls;
  /** Absolute inside the root; a slash or `/.` at its end means a directory. */
  readonly destination: string;
  /** Owner of everything that is copied, and of directories that are made for it; the source's when absent. */
  readonly owner?: Owner;
  /** Owner of files where `owner` is absent: a build context belongs to root. */
  readonly defaultOwner?: Owner;
  /** Permissions of everything that is copied, or how they change. */
  readonly mode?: ModeChange;
  readonly signal: AbortSignal;
}

/**
 * Copy a source into a destination by BuildKit's rules: of a directory the contents, a file under its own name when
 * the destination is a directory, missing directories made with mode 0755.
 *
 * @throws {BerthError} invalid-argument, when a file would replace a directory or the other way round
 */
export async function copySelection(writer: RootWriter, selection: Selection, options: CopyOptions): Promise<void> {
  const { source } = selection;
  const { path: target, isNew } = prepareTarget(writer, selection, options);
  const copier = new Copier(writer, options, isNew ? [target] : []);
  let count = 0;
  for (const file of source.entry.kind === "dir" ? selection.below() : [source]) {
    if (count % turn === 0) {
      await setImmediate();
      options.signal.throwIfAborted();
    }
    if (++count === manyFiles) spread(options.syscalls, writer.directory(target));
    const path = file === source ? target : join(target, file.path);
    for (const _ of copier.copy(file, path)) {
      await setImmediate();
      options.signal.throwIfAborted();
    }
  }
  copier.finish();
}

/** The path, free of symlinks, that a source is copied to. Its directory is there; so is the path itself for a directory. */
function prepareTarget(
  writer: RootWriter,
  { name, source }: Selection,
  { destination, owner }: CopyOptions,
): { readonly path: string; readonly isNew: boolean } {
  const isDirectory = /\/\.?$/.test(destination);
  const made = writer.mkdirAll(isDirectory ? destination : dirname(destination), owner);
  const resolved = writer.resolve(normalize(destination).replace(/(?<=.)\/$/, ""));
  if (source.entry.kind === "dir") {
    return { path: resolved, isNew: writer.mkdirAll(resolved, owner) || (isDirectory && made) };
  }
  if (writer.lstat(resolved)?.kind === "dir") return { path: join(resolved, name), isNew: false };
  // A dangling link leads to where not even a directory is.
  writer.mkdirAll(dirname(resolved), owner);
  return { path: resolved, isNew: false };
}

class Copier {
  readonly #writer: RootWriter;
  readonly #options: CopyOptions;
  /** Names of files with several, by device and inode: they are one file again in the copy. */
  readonly #links: Map<string, string> = new Map();
  /** Directories that this copy has made: nothing can be in the way of what goes into them. */
  readonly #fresh: Set<string>;
  /** Directories whose attributes come last, since each file made in one changes its times. */
  readonly #directories: (readonly [file: SelectedFile, target: string])[] = [];

  constructor(writer: RootWriter, options: CopyOptions, fresh: readonly string[]) {
    this.#writer = writer;
    this.#options = options;
    this.#fresh = new Set(fresh);
  }

  /** Copy one file, of a directory not what is in it. Yields where a large one leaves others a turn. */
  *copy(file: SelectedFile, path: string): Generator<undefined> {
    if (file.entry.kind === "dir") this.#directory(file, path);
    else yield* this.#file(file, path);
  }

  finish(): void {
    for (const [file, target] of this.#directories.toReversed()) this.#setAttributes(file, bytesOf(target));
  }

  #directory(file: SelectedFile, path: string): void {
    const existing = this.#existing(path);
    if (existing !== undefined && existing.kind !== "dir")
      throw new BerthError("invalid-argument", `cannot copy to non-directory: ${path}`);
    const target = existing === undefined ? this.#place(path) : this.#writer.directory(path);
    if (existing === undefined) {
      mkdirSync(target);
      this.#fresh.add(path);
    }
    this.#directories.push([file, target]);
  }

  *#file(file: SelectedFile, path: string): Generator<undefined> {
    const { entry } = file;
    if (this.#existing(path)?.kind === "dir")
      throw new BerthError("invalid-argument", `cannot replace to directory ${path} with file`);
    const target = this.#place(path);
    if (entry.kind === "file") {
      if (this.#linkAgain(entry, target)) return;
      const copy = { from: bytesOf(entry.source), to: bytesOf(target), size: Number(entry.stats.size) };
      yield* copyFile(this.#options.syscalls, { ...copy, ...this.#attributes(file) });
      return;
    }
    if (entry.kind === "symlink") symlinkSync(readlinkSync(pathOf(bytesOf(entry.source)), "buffer"), target);
    else this.#node(entry, target);
    this.#setAttributes(file, bytesOf(target));
  }

  #existing(path: string): TreeEntry | undefined {
    return this.#fresh.has(dirname(path)) ? undefined : this.#writer.lstat(path);
  }

  /** Where a file for `path` goes, with nothing in its place. */
  #place(path: string): string {
    return this.#fresh.has(dirname(path)) ? this.#writer.placeNew(path) : this.#writer.place(path);
  }

  #linkAgain({ stats }: TreeEntry, target: string): boolean {
    if (stats.nlink < 2n) return false;
    const inode = `${stats.dev}:${stats.ino}`;
    const first = this.#links.get(inode);
    if (first === undefined) this.#links.set(inode, target);
    else linkSync(first, target);
    return first !== undefined;
  }

  #node({ kind, stats }: TreeEntry, target: string): void {
    this.#options.syscalls.mknod(target, nodeTypes[kind] | 0o600, majorOf(stats.rdev), minorOf(stats.rdev));
  }

  #attributes({ entry, xattrs }: SelectedFile): FileAttributes {
    const { stats } = entry;
    const { mode, defaultOwner } = this.#options;
    const owner = this.#options.owner ?? defaultOwner;
    const old = Number(stats.mode) & 0o7777;
    return {
      uid: owner?.uid ?? Number(stats.uid),
      gid: owner?.gid ?? Number(stats.gid),
      mode: mode === undefined ? old : changedMode(mode, old, entry.kind === "dir"),
      atimeNs: stats.atimeNs,
      mtimeNs: stats.mtimeNs,
      xattrs: defaultOwner === undefined ? xattrs : withoutCapabilities(xattrs),
    };
  }

  #setAttributes(file: SelectedFile, target: ByteString): void {
    const { syscalls } = this.#options;
    const { uid, gid, mode, atimeNs, mtimeNs, xattrs } = this.#attributes(file);
    const path = pathOf(target);
    syscalls.lchown(path, uid, gid);
    if (file.entry.kind !== "symlink") syscalls.chmod(path, mode);
    writeXattrs(syscalls, target, xattrs);
    syscalls.lutimes(path, atimeNs, mtimeNs);
  }
}

/** A file that the context gives to another owner loses its capabilities, as with BuildKit and every chown(2). */
function withoutCapabilities(xattrs: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Buffer> {
  if (!xattrs.has("security.capability")) return xattrs;
  return new Map([...xattrs].filter(([name]) => name !== "security.capability"));
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
