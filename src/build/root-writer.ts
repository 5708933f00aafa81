import { lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { bytesOf } from "../archive/byte-string.ts";
import { BerthError } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { adoptAttributes } from "../snapshot/adopt.ts";
import type { MergedTree, TreeEntry } from "../snapshot/merged-tree.ts";
import type { ActiveSnapshot } from "../snapshot/snapshotter.ts";
import type { OpDeps } from "./op-deps.ts";

/** Numeric owner of a file. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Writes into the upper directory of a snapshot as if its overlay were mounted, which takes no kernel help.
 *
 * Paths are absolute inside the root and free of symlinks (see {@link RootWriter.resolve}).
 */
export class RootWriter {
  readonly #syscalls: Syscalls;
  readonly #upper: string;
  readonly #view: MergedTree;
  readonly #lower: MergedTree;
  /** Directories that are in the upper directory for sure. */
  readonly #present: Set<string> = new Set(["/"]);

  constructor(deps: Pick<OpDeps, "host" | "snapshotter">, snapshot: ActiveSnapshot) {
    this.#syscalls = deps.host.syscalls;
    this.#upper = snapshot.upper;
    this.#view = snapshot.view();
    this.#lower = deps.snapshotter.view(snapshot.parent);
  }

  /** What is at a path now, a symlink in the last place not followed. */
  lstat(path: string): TreeEntry | undefined {
    return this.#view.lstat(path);
  }

  /** A path with every symlink followed inside the root. */
  resolve(path: string): string {
    return this.#view.resolve(path);
  }

  /**
   * Make a directory and the parents that are missing, with mode 0755 and `owner`.
   *
   * @returns whether it was missing
   * @throws {BerthError} invalid-argument, when something else is in the way
   */
  mkdirAll(path: string, owner: Owner = { uid: 0, gid: 0 }): boolean {
    const resolved = this.resolve(path);
    const entry = this.lstat(resolved);
    if (entry?.kind === "dir") return false;
    if (entry !== undefined) throw new BerthError("invalid-argument", `mkdir ${resolved}: not a directory`);
    this.mkdirAll(dirname(resolved), owner);
    const target = this.place(resolved);
    mkdirSync(target, 0o755);
    this.#syscalls.chmod(target, 0o755);
    this.#syscalls.lchown(target, owner.uid, owner.gid);
    this.#present.add(resolved);
    return true;
  }

  /** Where a new file for `path` goes on this machine; its directory is there, and nothing is in its place. */
  place(path: string): string {
    const target = this.placeNew(path);
    if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) unlinkSync(target);
    return target;
  }

  /** The same for a path at which nothing is, neither here nor in lower layers. */
  placeNew(path: string): string {
    return join(this.directory(dirname(path)), path.slice(path.lastIndexOf("/") + 1));
  }

  /** Where a directory lies in the upper directory; copied up when only lower layers have it. */
  directory(path: string): string {
    const target = join(this.#upper, path);
    if (this.#present.has(path)) return target;
    if (lstatSync(target, { throwIfNoEntry: false })?.isDirectory() !== true) this.#copyUp(path, target);
    this.#present.add(path);
    return target;
  }

  /** Give a directory in the upper one the attributes of the lower layers' directory, where they have it. */
  restore(path: string): void {
    const entry = this.#lower.lstat(path);
    if (entry?.kind === "dir") this.#adopt(entry.source, join(this.#upper, path));
  }

  #adopt(source: string, target: string): void {
    adoptAttributes(this.#syscalls, bytesOf(source), bytesOf(target));
  }

  #copyUp(path: string, target: string): void {
    const entry = this.lstat(path);
    if (entry?.kind !== "dir") throw new BerthError("invalid-argument", `${path}: not a directory`);
    this.directory(dirname(path));
    mkdirSync(target);
    this.#adopt(entry.source, target);
  }
}
