import { lstatSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { bytesOf } from "../archive/byte-string.ts";
import { isOpaque } from "../archive/whiteout.ts";
import type { Syscalls } from "../host/syscalls.ts";
import type { Layer } from "../snapshot/snapshotter.ts";

/**
 * The directories that together show one directory of a stack of layers: what overlayfs takes as `lowerdir`, the
 * topmost first.
 *
 * @param layers bottom first
 * @param path absolute inside the root, free of symlinks, a directory
 */
export function layerDirectories(syscalls: Syscalls, layers: readonly Layer[], path: string): readonly string[] {
  const directories: string[] = [];
  for (const layer of layers.toReversed()) {
    const directory = join(layer.path, path);
    const isThere = isDirectory(directory);
    if (isThere) directories.push(directory);
    else if (exists(directory)) break;
    if (hidesBelow(syscalls, layer.path, path)) break;
  }
  return directories;
}

/** True when a directory on the way, or something in its place, hides what lower layers have. */
function hidesBelow(syscalls: Syscalls, layer: string, path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    const file = join(layer, at);
    if (isDirectory(file) ? opaque(syscalls, file) : exists(file)) return true;
    if (at === "/") return false;
  }
}

function opaque(syscalls: Syscalls, directory: string): boolean {
  return isOpaque(syscalls, bytesOf(directory));
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** A whiteout exists, too. */
function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
