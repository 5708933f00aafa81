import { type BigIntStats, readdirSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { type ByteString, bytesOf, pathOf, textOf } from "../archive/byte-string.ts";
import { childOf, isGone, type WalkedFile, walk } from "../archive/walk.ts";
import { isOpaque, isWhiteout } from "../archive/whiteout.ts";
import type { Operation } from "../base/operation.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { byBytes, LayerStack, type StackFile } from "./layer-stack.ts";

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

/**
 * What an upper directory changes in the layers below it, by path, as `docker diff` tells it: each directory that holds a
 * change is changed too; a deleted directory is one line; a directory in place of a file is changed and its content added.
 * A file that was copied up and not changed (mode, owner, size, modification time, capability) is no change.
 *
 * Reads the upper directory and looks up what it has in the layers: the cost is that of the changes.
 *
 * @see moby archive `ChangesDirs`, which compares whole trees to the same end
 */
export async function changesOf(
  syscalls: Syscalls,
  { upper, layers }: UpperLayer,
  { signal }: Operation = {},
): Promise<readonly Change[]> {
  const comparison = new Comparison(syscalls, new LayerStack(syscalls, { layers: layers.map(bytesOf) }));
  let files = 0;
  for (const file of walk(bytesOf(upper))) {
    try {
      comparison.add(file);
    } catch (error) {
      if (!isGone(file, error)) throw error;
    }
    signal?.throwIfAborted();
    if (++files % filesPerTurn === 0) await turn();
  }
  return comparison.changes();
}

class Comparison {
  readonly #syscalls: Syscalls;
  readonly #below: LayerStack;
  readonly #changes: Map<ByteString, Change["kind"]> = new Map();
  /** Directories that are directories below, too. */
  readonly #merged: Set<ByteString> = new Set([""]);

  constructor(syscalls: Syscalls, below: LayerStack) {
    this.#syscalls = syscalls;
    this.#below = below;
  }

  /** Each directory comes before what is in it. */
  add(file: WalkedFile): void {
    const old = this.#merged.has(parentOf(file.name)) ? this.#below.find(file.name) : undefined;
    if (file.name !== "") this.#compare(file, old);
    if (!file.stats.isDirectory() || old?.stats.isDirectory() !== true) return;
    this.#merged.add(file.name);
    if (isOpaque(this.#syscalls, file.path)) this.#hidden(file);
  }

  changes(): Change[] {
    const sorted = [...this.#changes].sort(([a], [b]) => byBytes(a, b));
    return sorted.map(([path, kind]) => ({ kind, path: `/${textOf(path)}` }));
  }

  #compare(file: WalkedFile, old: StackFile | undefined): void {
    if (isWhiteout(file.stats)) {
      if (old !== undefined) this.#record(file.name, "D");
    } else if (old === undefined) this.#record(file.name, "A");
    else if (differs(old.stats, file.stats) || this.#capability(old.source) !== this.#capability(file.path)) {
      this.#record(file.name, "C");
    }
  }

  /** What an opaque directory hides is gone, unless it has it anew. */
  #hidden({ name, path }: WalkedFile): void {
    const own = new Set(readdirSync(pathOf(path), "latin1"));
    for (const child of this.#below.names(name)) if (!own.has(child)) this.#record(childOf(name, child), "D");
  }

  #record(path: ByteString, kind: Change["kind"]): void {
    this.#changes.set(path, kind);
    let above = parentOf(path);
    while (above !== "" && !this.#changes.has(above)) {
      this.#changes.set(above, "C");
      above = parentOf(above);
    }
  }

  #capability(path: ByteString): string {
    return this.#syscalls.lgetxattr(pathOf(path), "security.capability")?.toString("hex") ?? "";
  }
}

function parentOf(path: ByteString): ByteString {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function differs(a: BigIntStats, b: BigIntStats): boolean {
  if (a.mode !== b.mode || a.uid !== b.uid || a.gid !== b.gid || a.rdev !== b.rdev) return true;
  return !a.isDirectory() && (a.size !== b.size || !sameTime(a.mtimeNs, b.mtimeNs));
}

/** A time without a fraction may have lost it in an archive. */
function sameTime(a: bigint, b: bigint): boolean {
  const second = 1_000_000_000n;
  return a === b || (a / second === b / second && (a % second === 0n || b % second === 0n));
}
