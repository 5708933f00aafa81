import { rmSync } from "node:fs";
import { type ByteString, bytesOf, pathOf, textOf } from "../archive/byte-string.ts";
import { walk } from "../archive/walk.ts";
import { readXattrs, writeXattrs } from "../archive/xattrs.ts";
import { BerthError } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { LayerStack } from "./layer-stack.ts";

/**
 * Give the directory `to` the mode, owner, times and extended attributes of `from`: a directory of an upper layer decides
 * what is seen.
 */
export function adoptAttributes(syscalls: Syscalls, from: ByteString, to: ByteString): void {
  const stats = syscalls.lstatExact(pathOf(from));
  if (stats === undefined) throw new BerthError("not-found", `lstat ${textOf(from)}: no such file or directory`);
  if (syscalls.canChown) syscalls.lchown(pathOf(to), Number(stats.uid), Number(stats.gid));
  syscalls.chmod(pathOf(to), Number(stats.mode) & 0o7777);
  writeXattrs(syscalls, to, readXattrs(syscalls, from));
  syscalls.lutimes(pathOf(to), stats.atimeNs, stats.mtimeNs);
}

/**
 * Make a directory of mount points fit the layers below it: what they have already stays theirs, and only what is missing
 * is added.
 *
 * @param layers the topmost first, absolute
 */
export function adoptMountPoints(syscalls: Syscalls, directory: string, layers: readonly string[]): void {
  const below = new LayerStack(syscalls, { layers: layers.map(bytesOf) });
  const shared: { readonly from: ByteString; readonly to: ByteString }[] = [];
  for (const { name, path, stats } of [...walk(bytesOf(directory))]) {
    const old = below.find(name);
    if (old === undefined) continue;
    if (stats.isDirectory() && old.stats.isDirectory()) shared.push({ from: old.source, to: path });
    else rmSync(pathOf(path), { recursive: true, force: true });
  }
  // From the bottom up: removing a file changes its directory's time.
  for (const { from, to } of shared.reverse()) adoptAttributes(syscalls, from, to);
}
