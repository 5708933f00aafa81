import { type BigIntStats, unlinkSync } from "node:fs";
import { type ByteString, bytesOf, pathOf } from "../archive/byte-string.ts";
import { majorOf, minorOf } from "../archive/device.ts";
import { kindOf } from "../archive/file-kind.ts";
import { walk } from "../archive/walk.ts";
import { readXattrs, writeXattrs } from "../archive/xattrs.ts";
import { linux, type Syscalls } from "../host/syscalls.ts";
import { LayerStack, type StackFile } from "./layer-stack.ts";

/** What a mount showed, and what was written through it. Paths are absolute. */
export interface MountedLayers {
  readonly upper: string;
  /** The topmost first. */
  readonly lower: readonly string[];
}

/** A file that the kernel copied up, or put in place of one. */
interface CopiedUp {
  readonly path: ByteString;
  /** As the file system has it. */
  readonly stats: BigIntStats;
  /** As the file system has what lies below. */
  readonly shown: BigIntStats;
  readonly below: StackFile;
}

/**
 * Give what the kernel copied up what is kept of the file below, of which it knows nothing: who changes a file keeps its owner and
 * mode, unless they change these as well.
 */
export function inheritKept(syscalls: Syscalls, { upper, lower }: MountedLayers): void {
  const stack = new LayerStack(syscalls, { layers: lower.map(bytesOf) });
  const times = new Map<ByteString, BigIntStats>();
  for (const { name, path, stats } of walk(bytesOf(upper))) {
    if (stats.isDirectory()) times.set(path, stats);
    const below = stack.find(name);
    const shown = below === undefined ? undefined : linux.lstatExact(pathOf(below.source));
    if (below === undefined || shown === undefined || kindOf(stats) !== kindOf(shown)) continue;
    if (!inherit(syscalls, { path, stats, shown, below })) continue;
    // A device that was made anew has changed its directory's time.
    const directory = path.slice(0, path.lastIndexOf("/"));
    const before = times.get(directory);
    if (before !== undefined) syscalls.lutimes(pathOf(directory), before.atimeNs, before.mtimeNs);
  }
}

/** @returns true, when it was a device that was made anew */
function inherit(syscalls: Syscalls, { path, stats, shown, below }: CopiedUp): boolean {
  const { stats: told, source } = below;
  // An empty file where an empty file stands for a device is that one.
  const isDevice = kindOf(told) !== kindOf(shown) && stats.size === 0n;
  if (isDevice) remakeDevice(syscalls, path, told);
  const owner = stats.uid === shown.uid && stats.gid === shown.gid ? told : stats;
  if (isDevice || owner.uid !== stats.uid || owner.gid !== stats.gid) {
    syscalls.lchown(pathOf(path), Number(owner.uid), Number(owner.gid));
  }
  const mode = Number(stats.mode === shown.mode ? told.mode : stats.mode) & 0o7777;
  const isOther = mode !== (Number(stats.mode) & 0o7777);
  if (isDevice || (isOther && !stats.isSymbolicLink())) syscalls.chmod(pathOf(path), mode);
  if (isDevice) syscalls.lutimes(pathOf(path), stats.atimeNs, stats.mtimeNs);
  else if (stats.size === shown.size && stats.mtimeNs === shown.mtimeNs) inheritXattrs(syscalls, path, source);
  return isDevice;
}

/** Of the file that stood for a device a copy was made. */
function remakeDevice(syscalls: Syscalls, path: ByteString, { mode, rdev }: BigIntStats): void {
  unlinkSync(pathOf(path));
  syscalls.mknod(pathOf(path), Number(mode), majorOf(rdev), minorOf(rdev));
}

function inheritXattrs(syscalls: Syscalls, path: ByteString, source: ByteString): void {
  const kept = readXattrs(syscalls, source);
  if (kept.size === 0) return;
  const shown = readXattrs(linux, source);
  const missing = [...kept].filter(([name]) => !shown.has(name));
  if (missing.length > 0) writeXattrs(syscalls, path, new Map(missing));
}
