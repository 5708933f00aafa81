import { lstatSync, readdirSync, rmdirSync, rmSync, type Stats } from "node:fs";
import { dirname, join } from "node:path/posix";
import type { Syscalls } from "../host/syscalls.ts";
import type { MergedTree } from "../snapshot/merged-tree.ts";

/**
 * The paths that the runtime will make so that something can be mounted there: the targets that are missing, and their
 * missing parents, the deepest first.
 */
export function missingTargets(tree: MergedTree, targets: readonly string[]): readonly string[] {
  const missing = new Set<string>();
  for (const target of targets)
    for (let path = tree.resolve(target); path !== "/" && tree.lstat(path) === undefined; path = dirname(path))
      missing.add(path);
  return [...missing].sort((a, b) => b.split("/").length - a.split("/").length);
}

/**
 * Remove what the runtime made for mounts from the upper directory, where the step has left it empty. A directory
 * that is in the upper one only for their sake goes too, so that a step without changes makes an empty layer.
 */
export function removeStubs(
  syscalls: Syscalls,
  layers: { readonly upper: string; readonly lower: MergedTree },
  stubs: readonly string[],
): void {
  for (const path of stubs) {
    const stub = join(layers.upper, path);
    if (!isEmpty(stub)) continue;
    const parent = dirname(path);
    const before = lstatSync(join(layers.upper, parent), { bigint: true });
    rmSync(stub, { recursive: true });
    syscalls.lutimes(join(layers.upper, parent), before.atimeNs, before.mtimeNs);
    dropCopies(syscalls, layers, parent);
  }
}

function dropCopies(
  syscalls: Syscalls,
  layers: { readonly upper: string; readonly lower: MergedTree },
  path: string,
): void {
  const copy = join(layers.upper, path);
  const original = layers.lower.lstat(path);
  if (path === "/" || original?.kind !== "dir" || !isEmpty(copy)) return;
  if (!isSame(original.stats, lstatSync(copy)) || syscalls.lgetxattr(copy, "trusted.overlay.opaque") !== undefined)
    return;
  const parent = dirname(path);
  const before = lstatSync(join(layers.upper, parent), { bigint: true });
  rmdirSync(copy);
  syscalls.lutimes(join(layers.upper, parent), before.atimeNs, before.mtimeNs);
  dropCopies(syscalls, layers, parent);
}

function isEmpty(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || stats.isSymbolicLink()) return false;
  if (stats.isDirectory()) return readdirSync(path).length === 0;
  return stats.isFile() && stats.size === 0;
}

function isSame(a: Stats, b: Stats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}
