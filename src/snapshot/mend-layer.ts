import { copyFileSync, linkSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type ByteString, bytesOf, pathOf } from "../archive/byte-string.ts";
import { majorOf, minorOf } from "../archive/device.ts";
import { checksum, type Difference, type ManifestEntry } from "../archive/manifest.ts";
import { childOf } from "../archive/walk.ts";
import { opaqueXattr } from "../archive/whiteout.ts";
import { readXattrs } from "../archive/xattrs.ts";
import { codeOf } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import type { KnownTree } from "./compare-layer.ts";
import { turnBitBack } from "./mend-bit.ts";

/** What a tree is mended with. */
export interface MendDeps {
  readonly syscalls: Syscalls;
  /** An empty directory on the same file system, absolute: a file is made there and then takes its place at once. */
  readonly scratch: string;
  /** Where an equal file may lie, absolute, the best first. It is looked at again before it is used. */
  readonly copiesOf: (entry: ManifestEntry) => readonly ByteString[];
  /** Told how to undo what is only likely to be right. */
  readonly onGuess: (undo: () => void) => void;
}

/**
 * Put a layer's directory right, file by file: what doesn't belong there goes, what is missing or has another content comes
 * from a copy, and attributes are as the manifest says. What there is no copy of stays as it is.
 */
export function mendLayer(deps: MendDeps, tree: KnownTree, found: readonly Difference[]): void {
  const root = bytesOf(tree.directory);
  for (const { path, expected } of found.toReversed()) {
    if (expected === undefined) rmSync(pathOf(childOf(root, path)), { recursive: true, force: true });
  }
  const wrong = new Map(found.map((each) => [each.path, each]));
  // In the order of the manifest: a directory before what is in it, a file before its further names.
  const directories: ManifestEntry[] = [];
  for (const entry of tree.manifest) {
    mendFile(deps, root, { entry, wrong: wrong.get(entry.path) });
    if (entry.kind === "dir" && entry.path !== "") directories.push(entry);
  }
  for (const entry of directories.reverse()) setTime(deps.syscalls, childOf(root, entry.path), entry);
}

function mendFile(
  deps: MendDeps,
  root: ByteString,
  { entry, wrong }: { readonly entry: ManifestEntry; readonly wrong: Difference | undefined },
): void {
  const path = entry.path === "" ? root : childOf(root, entry.path);
  if (entry.kind === "link") mendLink(path, childOf(root, entry.target));
  else if (wrong !== undefined) mendOne(deps, path, { entry, wrong });
}

function mendOne(
  deps: MendDeps,
  path: ByteString,
  { entry, wrong }: { readonly entry: ManifestEntry; readonly wrong: Difference },
): void {
  if (isOther(entry, wrong.found) && !replace(deps, path, entry) && !guess(deps, path, { entry, wrong })) return;
  setAttributes(deps.syscalls, path, entry);
}

/** @returns false, when it isn't one flipped bit that is wrong */
function guess(
  { onGuess }: MendDeps,
  path: ByteString,
  { entry, wrong: { found } }: { readonly entry: ManifestEntry; readonly wrong: Difference },
): boolean {
  if (entry.kind !== "file" || found?.kind !== "file" || found.size !== entry.size) return false;
  const undo = turnBitBack(path, entry);
  if (undo !== undefined) onGuess(undo);
  return undo !== undefined;
}

/** A further name leads to the file that the first one leads to, which may be a new one. */
function mendLink(path: ByteString, first: ByteString): void {
  const [own, other] = [path, first].map((each) => lstatSync(pathOf(each), { bigint: true, throwIfNoEntry: false }));
  if (other === undefined || own?.ino === other.ino) return;
  rmSync(pathOf(path), { recursive: true, force: true });
  linkSync(pathOf(first), pathOf(path));
}

/** True when the file itself has to be made anew, not only its attributes. */
function isOther(entry: ManifestEntry, found: ManifestEntry | undefined): boolean {
  if (found === undefined || found.kind !== entry.kind) return true;
  return (["size", "crc", "target", "device"] as const).some((field) => found[field] !== entry[field]);
}

/** @returns false, when nothing has that content any more */
function replace(deps: MendDeps, path: ByteString, entry: ManifestEntry): boolean {
  const made = bytesOf(join(deps.scratch, "made"));
  rmSync(pathOf(made), { recursive: true, force: true });
  if (!make(deps, made, entry)) return false;
  // A directory doesn't give way to a rename, nor does anything to a directory.
  const there = lstatSync(pathOf(path), { throwIfNoEntry: false });
  if (there !== undefined && (there.isDirectory() || entry.kind === "dir")) rmSync(pathOf(path), { recursive: true });
  if (entry.kind !== "dir") setAttributes(deps.syscalls, made, entry);
  renameSync(pathOf(made), pathOf(path));
  return true;
}

function make({ syscalls, copiesOf }: MendDeps, path: ByteString, entry: ManifestEntry): boolean {
  switch (entry.kind) {
    case "dir":
      mkdirSync(pathOf(path));
      return true;
    case "symlink":
      symlinkSync(pathOf(entry.target), pathOf(path));
      return true;
    case "file": {
      const copy = copiesOf(entry).find((candidate) => holds(candidate, entry));
      if (copy !== undefined) copyFileSync(pathOf(copy), pathOf(path));
      return copy !== undefined;
    }
    case "char":
    case "block":
    case "fifo": {
      const device = BigInt(entry.device);
      syscalls.mknod(pathOf(path), typeBits[entry.kind] | entry.mode, majorOf(device), minorOf(device));
      return true;
    }
    default:
      return false;
  }
}

const typeBits = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

function holds(path: ByteString, { size, crc }: ManifestEntry): boolean {
  try {
    const stats = lstatSync(pathOf(path));
    return stats.isFile() && stats.size === size && checksum(path) === crc;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return false;
    throw error;
  }
}

function setAttributes(syscalls: Syscalls, path: ByteString, entry: ManifestEntry): void {
  if (syscalls.canChown) syscalls.lchown(pathOf(path), entry.uid, entry.gid);
  if (entry.kind !== "symlink") syscalls.chmod(pathOf(path), entry.mode);
  const there = new Set([...readXattrs(syscalls, path).keys(), opaqueXattr]);
  for (const [name, value] of Object.entries(entry.xattrs)) {
    syscalls.lsetxattr(pathOf(path), name, Buffer.from(value, "base64"));
    there.delete(name);
  }
  for (const name of there) {
    if (syscalls.lgetxattr(pathOf(path), name) !== undefined) syscalls.lremovexattr(pathOf(path), name);
  }
  if (entry.path !== "") setTime(syscalls, path, entry);
}

function setTime(syscalls: Syscalls, path: ByteString, { mtimeNs }: ManifestEntry): void {
  const stats = lstatSync(pathOf(path), { bigint: true, throwIfNoEntry: false });
  if (stats !== undefined && stats.mtimeNs !== mtimeNs) syscalls.lutimes(pathOf(path), mtimeNs, mtimeNs);
}
