import { closeSync, constants, copyFileSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { codeOf } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type ByteString, pathOf } from "./byte-string.ts";
import { isHole } from "./holes.ts";
import { createFlags } from "./safe-path.ts";
import { writeXattrs } from "./xattrs.ts";

/** What a copy of a regular file gets. */
export interface FileAttributes {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, setuid, setgid and sticky among them. */
  readonly mode: number;
  /** Nanoseconds since the epoch. */
  readonly atimeNs: bigint;
  /** Nanoseconds since the epoch. */
  readonly mtimeNs: bigint;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** A regular file to be copied. */
export interface FileCopy extends FileAttributes {
  readonly from: ByteString;
  /** Nothing is there, but its directory is. */
  readonly to: ByteString;
  /** How long the original was, bytes. */
  readonly size: number;
}

/** Files of this size and more are copied piece by piece, or share their bytes where the file system can do that. Bytes. */
const pieceSize = 1 << 20;

/** Pieces between two turns of the event loop. */
const piecesPerTurn = 16;

/** Used for one file after the other, and for no two at once: no other copy can begin between reading and writing. */
const piece = Buffer.allocUnsafeSlow(pieceSize);

/** A file that its owner may not read comes to that by a call of its own, which knows what to do where the owner is no root. */
const ownerAccess = 0o600;

const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW;

/**
 * Copy a regular file with as few system calls as that takes; zeroes that fill a piece of the file are left out of the copy.
 * Yields where a large file leaves others a turn, so that whoever copies decides between waiting and blocking.
 *
 * The copy is made by its own calls and not by `copyFile`, which sets the length of each new file: ext4 then takes it for one that
 * replaces another, and sends it to the disk when it is closed.
 */
export function* copyFile(syscalls: Syscalls, copy: FileCopy): Generator<undefined> {
  const { from, to, size, mode } = copy;
  const cloned = size >= pieceSize && clone(from, to);
  const source = openSync(pathOf(from), readFlags);
  try {
    const target = openSync(
      pathOf(to),
      cloned ? constants.O_WRONLY | constants.O_NOFOLLOW : createFlags,
      (mode & 0o777) | ownerAccess,
    );
    try {
      if (!cloned) yield* copyBytes(source, target, size);
      setAttributes(syscalls, target, copy);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

/** Let a new file share the bytes of another. @returns false where the file system can't do that */
function clone(from: ByteString, to: ByteString): boolean {
  try {
    copyFileSync(pathOf(from), pathOf(to), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    // These have other reasons, which copying would meet as well.
    if (["EEXIST", "ENOENT", "ENOSPC", "EDQUOT"].includes(codeOf(error) ?? "")) throw error;
    return false;
  }
}

function* copyBytes(source: number, target: number, size: number): Generator<undefined> {
  let done = 0;
  let written = 0;
  for (let pieces = 1; ; pieces++) {
    const read = readSync(source, piece, 0, pieceSize, null);
    const bytes = piece.subarray(0, read);
    if (!isHole(bytes)) {
      write(target, bytes, done);
      written = done + read;
    }
    done += read;
    // A file may end before or behind where it ended when it was looked at.
    if (read === 0 || (read < pieceSize && done >= size)) break;
    if (pieces % piecesPerTurn === 0) yield;
  }
  if (written < done) ftruncateSync(target, done);
}

function write(fd: number, bytes: Buffer, at: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
}

/** What is right already, as it mostly is, costs no call. */
function setAttributes(
  syscalls: Syscalls,
  fd: number,
  { to, uid, gid, mode, atimeNs, mtimeNs, xattrs }: FileCopy,
): void {
  const made = fstatSync(fd);
  const path = pathOf(to);
  const foreign = syscalls.keeps || made.uid !== uid || made.gid !== gid;
  if (foreign) syscalls.lchown(path, uid, gid, fd);
  // A change of the owner takes setuid and setgid away.
  if (foreign || (made.mode & 0o7777) !== mode) syscalls.chmod(path, mode, fd);
  if (xattrs.size > 0) writeXattrs(syscalls, to, xattrs);
  syscalls.futimes(fd, atimeNs, mtimeNs);
}
