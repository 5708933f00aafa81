import { readlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { bytesOf, pathOf } from "../archive/byte-string.ts";
import type { Operation } from "../base/operation.ts";
import { chainIDs } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import type { MergedTree, TreeEntry } from "../snapshot/merged-tree.ts";
import { getImage, type Image, type ImageDeps } from "./images.ts";
import { firstDifferentByte } from "./same-bytes.ts";

/** A file that one image has and the other has not, or has otherwise. */
export interface FileDifference {
  /** A: added by the second, C: changed, D: deleted; a deleted directory is one line. */
  readonly kind: "A" | "C" | "D";
  /** Absolute inside the root. */
  readonly path: string;
  /** Bytes of the regular file in the first and the second image; 0 for anything else. */
  readonly before: number;
  readonly after: number;
}

/** A setting that differs; undefined where an image doesn't have it. */
export interface ConfigDifference {
  /** `Cmd`, `Env.PATH`, `Labels.version`, `Platform`. */
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** What {@link diffImages} found. */
export interface ImageDifference {
  readonly before: Image;
  readonly after: Image;
  readonly files: readonly FileDifference[];
  readonly config: readonly ConfigDifference[];
}

/** Compare two images: their file systems, file by file and byte by byte, and their configs. @throws {BerthError} not-found */
export async function diffImages(
  deps: ImageDeps,
  [first, second]: readonly [string, string],
  operation: Operation = {},
): Promise<ImageDifference> {
  const [before, after] = [getImage(deps, first), getImage(deps, second)];
  const view = ({ config }: Image): MergedTree => deps.snapshotter.view(chainIDs(config.rootfs.diff_ids).at(-1));
  const files: FileDifference[] = [];
  for (const difference of differences(view(before), view(after))) {
    if (typeof difference === "object") files.push(difference);
    else {
      operation.signal?.throwIfAborted();
      await turn();
    }
  }
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { before, after, files, config: configDifferences(before.config, after.config) };
}

/** Pairs of files between two turns of the event loop. */
const filesPerTurn = 1000;

/** What differs; now and then "turn", for the event loop. A file with several names has its bytes by the first of them alone. */
function* differences(before: MergedTree, after: MergedTree): Generator<FileDifference | "turn"> {
  const [oldSize, newSize] = [sizeOnce(), sizeOnce()];
  const pending = ["/"];
  let files = 0;
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const [a, b] of pairsOf(childrenOf(before, directory), childrenOf(after, directory))) {
      const path = a?.path ?? b?.path ?? "";
      const kind = kindOf(a, b);
      const sizes = { before: oldSize(a), after: newSize(b) };
      if (kind !== undefined) yield { kind, path, ...sizes };
      if (b?.kind === "dir") pending.push(path);
      if (++files % filesPerTurn === 0) yield "turn";
    }
  }
}

function childrenOf(tree: MergedTree, directory: string): Iterable<TreeEntry> {
  // A link to a directory is compared as a link.
  return directory !== "/" && tree.lstat(directory)?.kind !== "dir" ? [] : tree.entries(directory);
}

/** At most one of them is undefined: what the other has not. */
type FilePair = readonly [a: TreeEntry | undefined, b: TreeEntry | undefined];

/** The files of two directories, which come in the order of their names' bytes, those of one name together. */
function* pairsOf(old: Iterable<TreeEntry>, now: Iterable<TreeEntry>): Generator<FilePair> {
  const [left, right] = [entriesIn(old), entriesIn(now)];
  let [a, b] = [left(), right()];
  while (a !== undefined || b !== undefined) {
    const order = compareNames(a, b);
    yield [order <= 0 ? a : undefined, order >= 0 ? b : undefined];
    if (order <= 0) a = left();
    if (order >= 0) b = right();
  }
}

/** One after the other; undefined at the end. */
function entriesIn(entries: Iterable<TreeEntry>): () => TreeEntry | undefined {
  const iterator = entries[Symbol.iterator]();
  return () => {
    const { done, value } = iterator.next();
    return done === true ? undefined : value;
  };
}

/** Negative when the first comes first. Nothing comes last. */
function compareNames(a: TreeEntry | undefined, b: TreeEntry | undefined): number {
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
  if (a.path === b.path) return 0;
  return bytesOf(a.path) < bytesOf(b.path) ? -1 : 1;
}

function kindOf(a: TreeEntry | undefined, b: TreeEntry | undefined): FileDifference["kind"] | undefined {
  if (a === undefined) return "A";
  if (b === undefined) return "D";
  return a.source === b.source || isSame(a, b) ? undefined : "C";
}

function isSame(a: TreeEntry, b: TreeEntry): boolean {
  const [old, now] = [a.stats, b.stats];
  if (a.kind !== b.kind || old.mode !== now.mode || old.uid !== now.uid || old.gid !== now.gid) return false;
  if (a.kind === "dir") return true;
  if (old.rdev !== now.rdev || old.size !== now.size) return false;
  if (a.kind === "symlink") return targetOf(a) === targetOf(b);
  return a.kind !== "file" || now.size === 0n || firstDifferentByte(a.source, b.source) === undefined;
}

/** Where a link leads, byte by byte. */
function targetOf({ source }: TreeEntry): string {
  return readlinkSync(pathOf(bytesOf(source)), "latin1");
}

/** Sizes of files, each once whatever names it has. */
function sizeOnce(): (entry: TreeEntry | undefined) => number {
  const counted = new Set<string>();
  return (entry) => {
    if (entry?.kind !== "file") return 0;
    const { dev, ino, nlink, size } = entry.stats;
    if (nlink > 1n) {
      const key = `${dev} ${ino}`;
      if (counted.has(key)) return 0;
      counted.add(key);
    }
    return Number(size);
  };
}

/** The settings that differ, by name. */
export function configDifferences(before: ImageConfig, after: ImageConfig): readonly ConfigDifference[] {
  const [old, now] = [settingsOf(before), settingsOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .filter((field) => JSON.stringify(old.get(field)) !== JSON.stringify(now.get(field)))
    .map((field) => ({ field, before: old.get(field), after: now.get(field) }));
}

/** Every setting by its name; environment and labels one by one. */
function settingsOf({ os, architecture, variant, author, config = {} }: ImageConfig): ReadonlyMap<string, unknown> {
  const { Env = [], Labels = {}, ...others } = config;
  const platform = [os, architecture, ...(variant === undefined ? [] : [variant])].join("/");
  const named: readonly (readonly [string, unknown])[] = [
    ["Platform", platform],
    ["Author", author],
    ...Object.entries(others),
  ];
  return new Map([
    ...named.filter(([, value]) => !isEmpty(value)),
    ...Env.map((text) => {
      const [name = "", ...value] = text.split("=");
      return [`Env.${name}`, value.join("=")] as const;
    }),
    ...Object.entries(Labels).map(([name, value]) => [`Labels.${name}`, value] as const),
  ]);
}

/** Docker writes what isn't set as null, as nothing, or as an empty list. */
function isEmpty(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === "" || value === false;
}
