import { join, relative } from "node:path/posix";
import { bytesOf } from "../archive/byte-string.ts";
import { readXattrs } from "../archive/xattrs.ts";
import { BerthError } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import type { TreeEntry } from "../snapshot/merged-tree.ts";
import { compilePattern, hasWildcards } from "./go-match.ts";
import { nameOf, type SourceTree } from "./source-tree.ts";

/** One source of a copy, with everything below it that is to be copied, a directory before its contents. */
export interface Selection {
  /** Name that a file gets in a destination directory. */
  readonly name: string;
  readonly files: readonly SelectedFile[];
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
  return expand(tree, join("/", pattern)).map((path) => {
    const followed = tree.resolve(path);
    const entry = tree.lstat(followed);
    if (entry === undefined) throw new BerthError("not-found", `"${path}": not found`);
    return { name: nameOf(path), files: filesBelow(tree, entry, options) };
  });
}

function expand(tree: SourceTree, pattern: string): readonly string[] {
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

/** A directory that is not taken itself still shows where something below it is. */
function filesBelow(tree: SourceTree, source: TreeEntry, options: SelectOptions): readonly SelectedFile[] {
  const { syscalls, include = () => true, exclude = () => false } = options;
  const files: SelectedFile[] = [];
  const add = (path: string, entry: TreeEntry): number =>
    files.push({ path, entry, xattrs: readXattrs(syscalls, bytesOf(entry.source)) });
  const visitChildren = (directory: TreeEntry, path: string): void => {
    for (const child of tree.entries(directory.path)) {
      const name = nameOf(child.path);
      visit(child, path === "" ? name : `${path}/${name}`);
    }
  };
  const visit = (entry: TreeEntry, path: string): void => {
    const taken = include(path) && !exclude(path);
    if (!taken && entry.kind !== "dir") return;
    const count = add(path, entry);
    if (entry.kind === "dir") visitChildren(entry, path);
    if (!taken && files.length === count) files.pop();
  };
  add("", source);
  if (source.kind === "dir") visitChildren(source, "");
  return files;
}
