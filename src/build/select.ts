import { join, relative } from "node:path/posix";
import { bytesOf } from "../archive/byte-string.ts";
import { readXattrs } from "../archive/xattrs.ts";
import { BerthError } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import type { TreeEntry } from "../snapshot/merged-tree.ts";
import { compilePattern, hasWildcards } from "./go-match.ts";
import { nameOf, type SourceTree } from "./source-tree.ts";

/** One source of a copy. */
export interface Selection {
  /** Name that a file gets in a destination directory. */
  readonly name: string;
  /** The source itself, a file or a directory. */
  readonly source: SelectedFile;
  /** Everything below it that is to be copied, a directory before its contents. Of very many files the tree is looked at each time. */
  readonly below: () => Iterable<SelectedFile>;
}

/** One file of a {@link Selection}. */
export interface SelectedFile {
  /** Path below the source; empty for the source itself. */
  readonly path: string;
  readonly entry: TreeEntry;
  /** Its portable extended attributes. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** Which files below a source take part: paths relative to the source. */
export type FileFilter = (path: string) => boolean;

/** What {@link selectSource} takes beside the tree and the pattern. */
export interface SelectOptions {
  readonly syscalls: Syscalls;
  /** What to leave out. */
  readonly exclude?: FileFilter;
  /** What to take; everything when absent. */
  readonly include?: FileFilter;
}

/**
 * The sources that a path or pattern of `COPY` stands for; none when a pattern matches nothing.
 *
 * @param pattern absolute inside the tree, wildcards as Go's `filepath.Match`
 * @throws {BerthError} not-found `"/x": not found`
 */
export function selectSource(tree: SourceTree, pattern: string, options: SelectOptions): readonly Selection[] {
  return expandPattern(tree, join("/", pattern)).map((path) => {
    const followed = tree.resolve(path);
    const entry = tree.lstat(followed);
    if (entry === undefined) throw new BerthError("not-found", `"${path}": not found`);
    const source = selected("", entry, options);
    return { name: nameOf(path), source, below: seenOnce(() => filesBelow(tree, source, options)) };
  });
}

/** Files below a source that are kept once they were seen: what is known of many more takes much memory. */
const mostKept = 4096;

function seenOnce(look: () => Iterable<SelectedFile>): () => Iterable<SelectedFile> {
  let kept: readonly SelectedFile[] | undefined;
  function* first(): Generator<SelectedFile> {
    const seen: SelectedFile[] = [];
    for (const file of look()) {
      if (seen.length <= mostKept) seen.push(file);
      yield file;
    }
    if (seen.length <= mostKept) kept = seen;
  }
  return () => kept ?? first();
}

/** A source of a copy with `--parents`: what comes along whole of its path, and the directory that this is in, which stays behind. */
export function splitParents(source: string): { readonly base: string; readonly pattern: string } {
  const pivot = source.indexOf("/./");
  return {
    base: join("/", pivot < 0 ? "" : source.slice(0, pivot)),
    pattern: join("/", pivot < 0 ? source : source.slice(pivot + 2)).replace(/^\/|\/$/g, ""),
  };
}

/** The paths that a pattern matches, in no order that counts; of a path without wildcards the path itself. */
export function expandPattern(tree: SourceTree, pattern: string): readonly string[] {
  const parts = pattern.split("/").slice(1);
  const first = parts.findIndex(hasWildcards);
  if (first < 0) return [join("/", pattern.replace(/\\(.)/gsu, "$1"))];
  const base = tree.resolve(join("/", ...parts.slice(0, first)));
  const matches = compilePattern(parts.slice(first).join("/"));
  const depth = parts.length - first;
  const found: string[] = [];
  const walk = (directory: string, level: number): void => {
    for (const { path, kind } of tree.entries(directory)) {
      if (matches(relative(base, path))) found.push(path);
      else if (level < depth && kind === "dir") walk(path, level + 1);
    }
  };
  walk(base, 1);
  return found;
}

function selected(path: string, entry: TreeEntry, { syscalls }: SelectOptions): SelectedFile {
  return { path, entry, xattrs: readXattrs(syscalls, bytesOf(entry.source)) };
}

function* filesBelow(tree: SourceTree, { path, entry }: SelectedFile, options: SelectOptions): Generator<SelectedFile> {
  if (entry.kind !== "dir") return;
  const { include = () => true, exclude = () => false } = options;
  for (const child of tree.entries(entry.path)) {
    const name = path === "" ? nameOf(child.path) : `${path}/${nameOf(child.path)}`;
    const taken = include(name) && !exclude(name);
    if (!taken && child.kind !== "dir") continue;
    const file = selected(name, child, options);
    const below = filesBelow(tree, file, options);
    if (!taken) {
      // It still shows where something below it is.
      const first = below.next();
      if (first.done === true) continue;
      yield file;
      yield first.value;
    } else yield file;
    yield* below;
  }
}
