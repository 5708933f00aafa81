import type { BigIntStats, Stats } from "node:fs";
import type { Syscalls } from "../host/syscalls.ts";
import { type ByteString, pathOf } from "./byte-string.ts";
import { noXattrs, type TarHeader } from "./tar-header.ts";
import { isUnsupported } from "./xattrs.ts";

/** In an archive: prefix of the name of a file that deletes its namesake below. @see image-spec v1.1 layer.md#whiteouts */
export const whiteoutPrefix = ".wh.";

/** In an archive: name of a file that hides all that lower layers have in its directory. @see image-spec v1.1 layer.md#opaque-whiteout */
export const opaqueName = ".wh..wh..opq";

/** The attribute that overlayfs knows an opaque directory by. */
export const opaqueXattr = "trusted.overlay.opaque";

/** True for a whiteout in a layer's directory: a character device 0:0. @see Linux Documentation/filesystems/overlayfs.rst */
export function isWhiteout(stats: Stats | BigIntStats): boolean {
  return stats.isCharacterDevice() && Number(stats.rdev) === 0;
}

/** Delete what lower layers have at `path`. */
export function makeWhiteout(syscalls: Syscalls, path: ByteString): void {
  syscalls.mknod(pathOf(path), 0o020000, 0, 0);
}

/** True when a directory of a layer hides what is below it. */
export function isOpaque(syscalls: Syscalls, path: ByteString): boolean {
  try {
    return syscalls.lgetxattr(pathOf(path), opaqueXattr)?.toString() === "y";
  } catch (error) {
    if (isUnsupported(error)) return false;
    throw error;
  }
}

/** Make a directory of a layer hide what is below it. */
export function setOpaque(syscalls: Syscalls, path: ByteString): void {
  syscalls.lsetxattr(pathOf(path), opaqueXattr, Buffer.from("y"));
}

/** The empty file that stands for a whiteout in an archive. @param prefix before the last part of the name */
export function whiteoutHeader(name: ByteString, prefix: string = whiteoutPrefix): TarHeader {
  const slash = name.lastIndexOf("/") + 1;
  return {
    name: `${name.slice(0, slash)}${prefix}${name.slice(slash)}`,
    type: "file",
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtimeNs: 0n,
    linkname: "",
    major: 0,
    minor: 0,
    xattrs: noXattrs,
  };
}
