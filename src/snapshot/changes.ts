import { type Dirent, lstatSync, readdirSync, type Stats } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { type ByteString, bytesOf, pathOf, textOf } from "../archive/byte-string.ts";
import { second } from "../archive/tar-header.ts";
import { childOf, isGone } from "../archive/walk.ts";
import { isOpaque, isWhiteout, opaqueXattr } from "../archive/whiteout.ts";
import { capabilityXattr, listXattrs } from "../archive/xattrs.ts";
import type { Operation } from "../base/operation.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { isWhiteoutIn, LayerStack, type StackFile } from "./layer-stack.ts";

/** One line of `diff`: A added, C changed, D deleted. `path` is absolute inside the root. */
export interface Change {
  readonly kind: "A" | "C" | "D";
  readonly path: string;
}

/** An upper directory, and the layers that it lies on. */
export interface UpperLayer {
  readonly upper: string;
  /** The topmost first. */
  readonly layers: readonly string[];
}

/** Files between two turns of the event loop. */
const filesPerTurn = 1000;

/** A directory of the upper layer. */
interface UpperDirectory {
  /** Relative to the root, `""` for that. */
  readonly name: ByteString;
  /** Where it lies on this machine. */
  readonly source: ByteString;
  /** Where the layers have a directory there, too, topmost first; empty where it is new. */
  readonly below: readonly ByteString[];
  /** True where it hides what they have in it. */
  readonly opaque: boolean;
}

/**
 * What an upper directory changes in the layers below it, by path, as `docker diff` tells it: each directory that holds a
 * change is changed too; a deleted directory is one line; a directory in place of a file is changed and its content added.
 * A file that was copied up and not changed (mode, owner, size, modification time, capability) is no change.
 *
 * Reads the upper directory and looks up what it has in the layers: the cost is that of the changes. What lies in a new
 * directory is new, whatever it is: its names are enough.
 *
 * @see moby archive `ChangesDirs`, which compares whole trees to the same end
 */
export async function changesOf(
  syscalls: Syscalls,
  { upper, layers }: UpperLayer,
  { signal }: Operation = {},
): Promise<readonly Change[]> {
  const below = new LayerStack(syscalls, { layers: layers.map(bytesOf) });
  const comparison = new Comparison(syscalls, bytesOf(upper), below);
  const pending = [comparison.root()];
  let files = 0;
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const entry of comparison.entries(directory)) {
      const found = comparison.add(directory, entry);
      if (found !== undefined) pending.push(found);
      if (++files % filesPerTurn === 0) await turn();
      signal?.throwIfAborted();
    }
  }
  return comparison.changes();
}

/** Each directory is looked at before what is in it. The upper layer may be in use: what goes away meanwhile is passed over. */
class Comparison {
  readonly #syscalls: Syscalls;
  readonly #upper: ByteString;
  readonly #below: LayerStack;
  readonly #changes: Map<ByteString, Change["kind"]> = new Map();
  /** Beside them, what is in directories that are new. */
  readonly #new: ByteString[] = [];

  constructor(syscalls: Syscalls, upper: ByteString, below: LayerStack) {
    this.#syscalls = syscalls;
    this.#upper = upper;
    this.#below = below;
  }

  root(): UpperDirectory {
    const source = this.#upper;
    return { name: "", source, below: this.#below.directoriesOf(""), opaque: isOpaque(this.#syscalls, source) };
  }

  /** What is in a directory. What it hides is gone, unless it has it anew. */
  entries(directory: UpperDirectory): readonly Dirent[] {
    const { name, source, opaque } = directory;
    const entries = unlessGone(source, () => readdirSync(pathOf(source), { encoding: "latin1", withFileTypes: true }));
    if (entries === undefined) return [];
    if (opaque) {
      const own = new Set(entries.map((entry) => entry.name));
      for (const child of this.#below.names(name)) if (!own.has(child)) this.#record(childOf(name, child), "D", name);
    }
    return entries;
  }

  /** Compare what is in a directory. @returns it, when it is one */
  add(directory: UpperDirectory, entry: Dirent): UpperDirectory | undefined {
    const source: ByteString = `${directory.source}/${entry.name}`;
    const old = this.#below.lookIn(directory.below, entry.name);
    return unlessGone(source, () => {
      if (old === undefined) return this.#add(directory, entry);
      const stats = this.#syscalls.lstat(pathOf(source));
      return stats === undefined ? undefined : this.#compare(directory, entry, { source, stats }, old);
    });
  }

  changes(): Change[] {
    // One character is one byte: their own order is that of the bytes.
    const sorted = [...this.#changes.keys(), ...this.#new].sort();
    return sorted.map((path) => ({ kind: this.#changes.get(path) ?? "A", path: `/${textOf(path)}` }));
  }

  /** A new directory is a change itself, and so are those above it, already. */
  #add({ name: above, source, below }: UpperDirectory, entry: Dirent): UpperDirectory | undefined {
    const name = childOf(above, entry.name);
    if (!isWhiteoutIn(this.#syscalls, source, entry)) {
      if (below.length > 0) this.#record(name, "A", above);
      else this.#new.push(name);
    }
    return entry.isDirectory() ? { name, source: `${source}/${entry.name}`, below: [], opaque: false } : undefined;
  }

  #compare(
    { name: above }: UpperDirectory,
    entry: Dirent,
    file: StackFile<Stats>,
    old: StackFile<Stats>,
  ): UpperDirectory | undefined {
    const name = childOf(above, entry.name);
    const { source, stats } = file;
    if (isWhiteout(stats)) {
      this.#record(name, "D", above);
      return undefined;
    }
    const isDirectory = stats.isDirectory();
    const merged = isDirectory && old.stats.isDirectory();
    const changed = differs(old, file);
    const xattrs = changed && !merged ? [] : listXattrs(this.#syscalls, source);
    if (changed || this.#capability(source, xattrs) !== this.#capability(old.source)) this.#record(name, "C", above);
    if (!isDirectory) return undefined;
    const below = merged ? this.#below.directoriesOf(name) : [];
    return { name, source, below, opaque: merged && xattrs.includes(opaqueXattr) && isOpaque(this.#syscalls, source) };
  }

  /** @param above the directory that it is in */
  #record(path: ByteString, kind: Change["kind"], above: ByteString): void {
    this.#changes.set(path, kind);
    for (let next = above; next !== "" && !this.#changes.has(next); next = parentOf(next)) this.#changes.set(next, "C");
  }

  /** What a file's list of attributes tells first: most have no capability. */
  #capability(path: ByteString, xattrs: readonly string[] = listXattrs(this.#syscalls, path)): string {
    if (!xattrs.includes(capabilityXattr)) return "";
    return this.#syscalls.lgetxattr(pathOf(path), capabilityXattr)?.toString("hex") ?? "";
  }
}

/** What `look` finds; undefined where the file at `path` went away meanwhile. */
function unlessGone<T>(path: ByteString, look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isGone({ path }, error)) return undefined;
    throw error;
  }
}

function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function differs(a: StackFile<Stats>, b: StackFile<Stats>): boolean {
  const [old, now] = [a.stats, b.stats];
  if (old.mode !== now.mode || old.uid !== now.uid || old.gid !== now.gid || old.rdev !== now.rdev) return true;
  if (old.isDirectory()) return false;
  return old.size !== now.size || !sameTime(a, b);
}

/** Milliseconds that are more than a second and what rounding them to a number may add. */
const overSecond = 1001;

/** A time without a fraction may have lost it in an archive. Looked at to the nanosecond where that may decide. */
function sameTime(a: StackFile<Stats>, b: StackFile<Stats>): boolean {
  if (Math.abs(a.stats.mtimeMs - b.stats.mtimeMs) > overSecond) return false;
  const [old, now] = [exactTime(a), exactTime(b)];
  return old === now || (old / second === now / second && (old % second === 0n || now % second === 0n));
}

function exactTime({ source }: StackFile<Stats>): bigint {
  return lstatSync(pathOf(source), { bigint: true }).mtimeNs;
}
