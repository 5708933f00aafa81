import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path/posix";
import { kindOf } from "../archive/file-kind.ts";
import { BerthError, codeOf } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Matcher } from "../dockerfile/ignore.ts";
import type { MergedTree, TreeEntry } from "../snapshot/merged-tree.ts";

/** Where a copy reads from: the layers of a stage or image, or the build context. Paths are absolute inside it. */
export type SourceTree = Pick<MergedTree, "lstat" | "resolve" | "entries">;

/** A directory of this machine as a tree that no symlink leads out of, less what `ignore` excludes. */
export function directoryTree(root: string, ignore: Matcher = nothingIgnored): SourceTree {
  const lstat = (path: string): TreeEntry | undefined => {
    const source = join(root, path);
    const stats = lstatOrUndefined(source);
    return stats === undefined || !wanted(path, stats) ? undefined : { path, source, kind: kindOf(stats), stats };
  };
  const wanted = (path: string, stats: BigIntStats): boolean => {
    if (path === "/" || !ignore.excludes(path.slice(1))) return true;
    if (!stats.isDirectory() || !ignore.mayHaveExceptionsBelow(path.slice(1))) return false;
    return entries(path).next().done !== true;
  };
  function* entries(path: string): Generator<TreeEntry> {
    for (const name of readdirSync(join(root, path)).sort()) {
      const entry = lstat(join(path, name));
      if (entry !== undefined) yield entry;
    }
  }
  return {
    lstat,
    entries: (path) => (lstat(path)?.kind === "dir" ? entries(path) : []),
    resolve: (path) => resolveLinks(lstat, path),
  };
}

const nothingIgnored: Matcher = {
  excludes: () => false,
  mayHaveExceptionsBelow: () => false,
  decidedBy: () => undefined,
};

function lstatOrUndefined(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Follow every symlink of `path` inside the root; what does not exist is kept as written. */
function resolveLinks(lstat: (path: string) => TreeEntry | undefined, path: string): string {
  let resolved = "/";
  const rest = path.split("/");
  for (let links = 0; rest.length > 0; ) {
    const name = rest.shift() ?? "";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      resolved = dirname(resolved);
      continue;
    }
    const next = join(resolved, name);
    const entry = lstat(next);
    if (entry?.kind !== "symlink") {
      resolved = next;
      continue;
    }
    if (++links > limits.links) throw new BerthError("invalid-argument", `too many links in ${path}`);
    const target = readlinkSync(entry.source);
    if (target.startsWith("/")) resolved = "/";
    rest.unshift(...target.split("/"));
  }
  return resolved;
}

/** The last component of a path that may end in slashes; `/` for the root. */
export function nameOf(path: string): string {
  return basename(path) || "/";
}
