import { type BigIntStats, linkSync, lstatSync, mkdirSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type ByteString, bytesOf, pathOf, textOf } from "./byte-string.ts";
import { copyFile, type FileAttributes } from "./copy-file.ts";
import { majorOf, minorOf } from "./device.ts";
import { type FileKind, kindOf } from "./file-kind.ts";
import { childOf, isGone, type WalkedFile, walk } from "./walk.ts";
import { isOpaque, setOpaque } from "./whiteout.ts";
import { readXattrs, writeXattrs } from "./xattrs.ts";

/** How files are copied. */
export interface CopyOptions extends Operation {
  readonly syscalls: Syscalls;
  /** Owner of the copies; that of each original when absent. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Permission bits of all copies but links; those of each original when absent. */
  readonly mode?: number;
  /** Modification time of the copies, nanoseconds since the epoch; that of each original when absent. */
  readonly mtimeNs?: bigint;
}

/** What {@link copyTree} takes beside. */
export interface CopyTreeOptions extends CopyOptions {
  /** Says what is copied, by its path relative to the top (`""`); what is below a directory that isn't copied is left out too. */
  readonly filter?: (name: string, kind: FileKind) => boolean;
  /** Copy a layer: opaque directories stay opaque. */
  readonly layer?: boolean;
}

/** Files copied between two turns of the event loop. */
const filesPerTurn = 200;

/**
 * Copy a file, or a directory with all that is in it, to `to`, whose parent is there: owners, modes, times, extended
 * attributes, devices, and hard links among what is copied. Contents are copied by the kernel. A file replaces a file; the
 * content of a directory is added to a directory. Sockets, and what goes away meanwhile, are left out.
 *
 * @throws {BerthError} conflict, when one is a directory and the other is not
 */
export async function copyTree(from: string, to: string, options: CopyTreeOptions): Promise<void> {
  const { filter, signal } = options;
  const left = new Set<ByteString>();
  const copier = new Copier(options);
  let files = 0;
  const enter = ({ name }: WalkedFile): boolean => !left.has(name);
  for (const file of walk(bytesOf(from), { enter, syscalls: options.syscalls })) {
    const wanted = filter === undefined || filter(textOf(file.name), kindOf(file.stats));
    if (!wanted || !copyWalked(copier, file, { to: bytesOf(to), options })) left.add(file.name);
    signal?.throwIfAborted();
    if (++files % filesPerTurn === 0) await turn();
  }
  copier.finish();
}

/** @returns false, when the file is gone */
function copyWalked(
  copier: Copier,
  file: WalkedFile,
  { to, options }: { readonly to: ByteString; readonly options: CopyTreeOptions },
): boolean {
  const { layer = false, syscalls } = options;
  const path = file.name === "" ? to : childOf(to, file.name);
  try {
    copier.copy(file.path, path, file.stats);
    if (layer && file.stats.isDirectory() && isOpaque(syscalls, file.path)) setOpaque(syscalls, path);
    return true;
  } catch (error) {
    if (isGone(file, error)) return false;
    throw error;
  }
}

/** Copies files one by one, for whoever walks a tree that lies in several places. {@link finish} sets the directories' times. */
export class Copier {
  readonly #options: CopyOptions;
  /** Copies by original, of files with several names. */
  readonly #links: Map<string, ByteString> = new Map();
  /** Directories that weren't there: nothing can be in the way of what goes into them. */
  readonly #fresh: Set<ByteString> = new Set();
  readonly #times: Map<ByteString, bigint> = new Map();
  readonly #chown: boolean;
  readonly #self = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

  constructor(options: CopyOptions) {
    this.#options = options;
    this.#chown = options.syscalls.canChown;
  }

  /**
   * Copy one file without what is below it; a directory that is there is kept.
   *
   * @throws {BerthError} conflict, when one is a directory and the other is not
   */
  copy(from: ByteString, to: ByteString, stats: BigIntStats): void {
    const kind = kindOf(stats);
    if (kind === "socket") return;
    const fresh = this.#fresh.has(directoryOf(to)) || clear(to, kind);
    if (fresh && kind === "dir") this.#fresh.add(to);
    if (kind !== "dir" && stats.nlink > 1n) {
      const key = `${stats.dev}:${stats.ino}`;
      const first = this.#links.get(key);
      if (first !== undefined) {
        linkSync(pathOf(first), pathOf(to));
        return;
      }
      this.#links.set(key, to);
    }
    // Read before anything is made: the original may be gone.
    const attributes = this.#attributesOf(stats, readXattrs(this.#options.syscalls, from));
    if (kind === "file") {
      const steps = copyFile(this.#options.syscalls, { from, to, size: Number(stats.size), ...attributes });
      for (const _ of steps);
    } else {
      this.#create(from, to, { kind, stats });
      this.#give(to, kind, attributes);
    }
  }

  finish(): void {
    for (const [path, mtime] of this.#times) this.#options.syscalls.lutimes(pathOf(path), mtime, mtime);
    this.#times.clear();
  }

  /** What a copy gets: what the options say, else what the original has. Only root gives files away. */
  #attributesOf(stats: BigIntStats, xattrs: ReadonlyMap<string, Buffer>): FileAttributes {
    const { mode = stats.mode, mtimeNs = stats.mtimeNs } = this.#options;
    const owner = this.#chown ? (this.#options.owner ?? stats) : this.#self;
    return {
      uid: Number(owner.uid),
      gid: Number(owner.gid),
      mode: Number(mode) & 0o7777,
      atimeNs: mtimeNs,
      mtimeNs,
      xattrs,
    };
  }

  #create(
    from: ByteString,
    to: ByteString,
    { kind, stats }: { readonly kind: FileKind; readonly stats: BigIntStats },
  ): void {
    const path = pathOf(to);
    switch (kind) {
      case "dir":
        mkdirSync(path, { recursive: true });
        return;
      case "symlink":
        symlinkSync(readlinkSync(pathOf(from), "buffer"), path);
        return;
      case "char":
      case "block":
      case "fifo":
        this.#options.syscalls.mknod(path, Number(stats.mode), majorOf(stats.rdev), minorOf(stats.rdev));
        return;
      case "file":
      case "socket":
        return;
      default:
        kind satisfies never;
    }
  }

  /** Give attributes to what is no regular file. */
  #give(to: ByteString, kind: FileKind, { uid, gid, mode, atimeNs, mtimeNs, xattrs }: FileAttributes): void {
    const { syscalls } = this.#options;
    const path = pathOf(to);
    if (this.#chown) syscalls.lchown(path, uid, gid);
    if (kind !== "symlink") syscalls.chmod(path, mode);
    writeXattrs(syscalls, to, xattrs);
    if (kind === "dir") this.#times.set(to, mtimeNs);
    else syscalls.lutimes(path, atimeNs, mtimeNs);
  }
}

function directoryOf(path: ByteString): ByteString {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Make room for a copy. @returns true, when nothing was there */
function clear(to: ByteString, kind: FileKind): boolean {
  const there = lstatSync(pathOf(to), { throwIfNoEntry: false });
  if (there === undefined) return true;
  if (there.isDirectory() !== (kind === "dir")) {
    const message = there.isDirectory() ? "cannot overwrite directory with non-directory" : "not a directory";
    throw new BerthError("conflict", `${message}: ${textOf(to)}`);
  }
  if (kind !== "dir") unlinkSync(pathOf(to));
  return false;
}
