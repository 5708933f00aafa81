import { BerthError } from "../base/errors.ts";
import type { ByteString } from "./byte-string.ts";

/** What kind of file an archive entry makes. `link` is a hard link. */
export type TarType = "file" | "dir" | "symlink" | "link" | "char" | "block" | "fifo";

/** One entry of an archive, PAX and GNU extensions applied. @see POSIX.1-2017 pax, "ustar Interchange Format" */
export interface TarHeader {
  /** As the archive has it, without a trailing slash. May be absolute or hold `..`: not to be trusted. */
  readonly name: ByteString;
  readonly type: TarType;
  /** Permission bits with setuid, setgid and sticky: `0o7777` at most. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content, holes included; 0 for all but files. */
  readonly size: number;
  /** Nanoseconds since the epoch, negative before it. */
  readonly mtimeNs: bigint;
  /** Target of a symlink or hard link, else empty. */
  readonly linkname: ByteString;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** Bytes in a tar block. */
export const blockSize = 512;

/** Nanoseconds in a second. */
export const second = 1_000_000_000n;

/** Shared by all entries that have none. */
export const noXattrs: ReadonlyMap<string, Buffer> = new Map();

/** A header block as it stands, before extensions. */
export interface RawHeader {
  readonly name: ByteString;
  /** The type flag's character. */
  readonly flag: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Seconds. */
  readonly mtime: number;
  readonly linkname: ByteString;
  readonly major: number;
  readonly minor: number;
}

/**
 * Read the header block at `at`; undefined when it is all zeros.
 *
 * @throws {BerthError} invalid-argument, when the checksum or a number is wrong
 */
export function parseHeader(buffer: Buffer, at: number): RawHeader | undefined {
  if (buffer[at] === 0 && isZero(buffer, at)) return undefined;
  if (!hasChecksum(buffer, at)) throw invalidHeader();
  const ustar = buffer.toString("latin1", at + 257, at + 263) === "ustar\0";
  const name = text(buffer, at, 100);
  const prefix = ustar ? text(buffer, at + 345, 155) : "";
  const flag = buffer.toString("latin1", at + 156, at + 157);
  const device = flag === "3" || flag === "4";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    flag,
    mode: number(buffer, at + 100, 8),
    uid: number(buffer, at + 108, 8),
    gid: number(buffer, at + 116, 8),
    size: number(buffer, at + 124, 12),
    mtime: number(buffer, at + 136, 12),
    linkname: text(buffer, at + 157, 100),
    major: device ? number(buffer, at + 329, 8) : 0,
    minor: device ? number(buffer, at + 337, 8) : 0,
  };
}

/** The error of a block that is no tar header, in Docker's words. */
export function invalidHeader(detail?: string): BerthError {
  const message = detail === undefined ? "" : `: ${detail}`;
  return new BerthError("invalid-argument", `archive/tar: invalid tar header${message}`);
}

/** True for an {@link invalidHeader}. */
export function isInvalidHeader(error: unknown): error is BerthError {
  return error instanceof BerthError && error.message.startsWith("archive/tar: invalid tar header");
}

function isZero(buffer: Buffer, at: number): boolean {
  for (let i = at; i < at + blockSize; i++) if (buffer[i] !== 0) return false;
  return true;
}

/** Some old writers summed signed bytes: both sums are right. */
function hasChecksum(buffer: Buffer, at: number): boolean {
  let sum = 0;
  let high = 0;
  for (let i = at; i < at + blockSize; i++) {
    const byte = buffer[i] ?? 0;
    sum += byte;
    high += byte >> 7;
  }
  for (let i = at + 148; i < at + 156; i++) {
    const byte = buffer[i] ?? 0;
    sum += 32 - byte;
    high -= byte >> 7;
  }
  const written = number(buffer, at + 148, 8);
  return written === sum || written === sum - 256 * high;
}

function text(buffer: Buffer, at: number, length: number): ByteString {
  let end = at;
  while (end < at + length && buffer[end] !== 0) end++;
  return buffer.toString("latin1", at, end);
}

/** A numeric field: octal digits between blanks, or base-256 when the first bit is set (GNU, star). */
export function number(buffer: Buffer, at: number, length: number): number {
  const first = buffer[at] ?? 0;
  if ((first & 0x80) !== 0) return base256(buffer, at, length);
  let i = at;
  const end = at + length;
  while (i < end && (buffer[i] === 32 || buffer[i] === 0)) i++;
  let value = 0;
  for (; i < end; i++) {
    const byte = buffer[i] ?? 0;
    if (byte === 32 || byte === 0) break;
    if (byte < 48 || byte > 55) throw invalidHeader();
    value = value * 8 + byte - 48;
  }
  return value;
}

function base256(buffer: Buffer, at: number, length: number): number {
  const negative = ((buffer[at] ?? 0) & 0x40) !== 0;
  let value = negative ? -1 : 0;
  for (let i = at; i < at + length; i++) {
    const byte = buffer[i] ?? 0;
    // The marker bit isn't part of the number; in a negative one it counts as a copy of the sign.
    value = value * 256 + (i === at && !negative ? byte & 0x7f : byte);
    if (negative && i === at) value = byte - 256;
  }
  if (!Number.isSafeInteger(value)) throw invalidHeader();
  return value;
}
