import type { ByteString } from "../archive/byte-string.ts";

/** Requests of the kernel that are answered with more than an error. @see Linux include/uapi/linux/fuse.h, enum fuse_opcode */
export const opcodes = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  readlink: 5,
  read: 15,
  statfs: 17,
  getxattr: 22,
  listxattr: 23,
  init: 26,
  readdir: 28,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
} as const;

/** Bytes of the head of a request, and of an answer. */
const requestHead = 40;
const answerHead = 16;

/** A request of the kernel. */
export interface FuseRequest {
  readonly opcode: number;
  /** Names the request in its answer. */
  readonly unique: bigint;
  /** The file that it is about: 1 is the root. */
  readonly node: number;
  /** What follows the head; good until the next request is read. */
  readonly body: Buffer;
}

/** @throws {Error} for what is no request of the protocol */
export function parseRequest(bytes: Buffer): FuseRequest {
  if (bytes.length < requestHead || bytes.readUInt32LE(0) !== bytes.length)
    throw new Error("the kernel sent no request");
  return {
    opcode: bytes.readUInt32LE(4),
    unique: bytes.readBigUInt64LE(8),
    node: Number(bytes.readBigUInt64LE(16)),
    body: bytes.subarray(requestHead),
  };
}

/** An answer: what was asked for, or an error's number. */
export function answerTo(unique: bigint, answer: Buffer | number): Buffer {
  const body = typeof answer === "number" ? Buffer.alloc(0) : answer;
  const head = Buffer.alloc(answerHead);
  head.writeUInt32LE(answerHead + body.length, 0);
  head.writeInt32LE(typeof answer === "number" ? -answer : 0, 4);
  head.writeBigUInt64LE(unique, 8);
  return Buffer.concat([head, body]);
}

/** Version of the protocol: minor versions of the kernel above it speak it, too. */
const version = { major: 7, minor: 31 };

/**
 * FUSE_ASYNC_READ, FUSE_NO_OPEN_SUPPORT, FUSE_PARALLEL_DIROPS, FUSE_MAX_PAGES, FUSE_CACHE_SYMLINKS, FUSE_NO_OPENDIR_SUPPORT: nothing is
 * opened, and what was read stays in the page cache.
 */
const wanted = (1 << 0) | (1 << 17) | (1 << 18) | (1 << 22) | (1 << 23) | (1 << 24);

/** Pages of the largest read. */
const mostPages = 256;

/** Answer the first request. @see struct fuse_init_out */
export function initAnswer(body: Buffer): Buffer {
  const answer = Buffer.alloc(64);
  answer.writeUInt32LE(version.major, 0);
  answer.writeUInt32LE(version.minor, 4);
  answer.writeUInt32LE(body.readUInt32LE(8), 8);
  answer.writeUInt32LE((body.readUInt32LE(12) & wanted) >>> 0, 12);
  answer.writeUInt16LE(32, 16);
  answer.writeUInt16LE(24, 18);
  answer.writeUInt32LE(4096, 20);
  answer.writeUInt32LE(1, 24);
  answer.writeUInt16LE(mostPages, 28);
  return answer;
}

/** What is told of a file. */
export interface FuseAttributes {
  readonly node: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  /** With the bits of its kind. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly major: number;
  readonly minor: number;
}

/** Seconds that what was told of a file stays true: it never changes. */
const validity = 1n << 31n;

const second = 1_000_000_000n;

/** @see struct fuse_attr */
function writeAttributes(to: Buffer, file: FuseAttributes, at: number): void {
  const nanoseconds = ((file.mtimeNs % second) + second) % second;
  const seconds = (file.mtimeNs - nanoseconds) / second;
  to.writeBigUInt64LE(BigInt(file.node), at);
  to.writeBigUInt64LE(BigInt(file.size), at + 8);
  to.writeBigUInt64LE(BigInt(Math.ceil(file.size / 512)), at + 16);
  for (const n of [0, 1, 2]) {
    to.writeBigInt64LE(seconds, at + 24 + 8 * n);
    to.writeUInt32LE(Number(nanoseconds), at + 48 + 4 * n);
  }
  to.writeUInt32LE(file.mode, at + 60);
  to.writeUInt32LE(file.links, at + 64);
  to.writeUInt32LE(file.uid, at + 68);
  to.writeUInt32LE(file.gid, at + 72);
  to.writeUInt32LE(deviceNumber(file), at + 76);
  to.writeUInt32LE(4096, at + 80);
}

/** @see Linux include/linux/kdev_t.h, new_encode_dev */
function deviceNumber({ major, minor }: Pick<FuseAttributes, "major" | "minor">): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** @see struct fuse_attr_out */
export function attributesAnswer(file: FuseAttributes): Buffer {
  const answer = Buffer.alloc(104);
  answer.writeBigUInt64LE(validity, 0);
  writeAttributes(answer, file, 16);
  return answer;
}

/** Answer the search for a name; undefined says that there is none, which is remembered, too. @see struct fuse_entry_out */
export function entryAnswer(file: FuseAttributes | undefined): Buffer {
  const answer = Buffer.alloc(128);
  answer.writeBigUInt64LE(validity, 16);
  answer.writeBigUInt64LE(validity, 24);
  if (file === undefined) return answer;
  answer.writeBigUInt64LE(BigInt(file.node), 0);
  writeAttributes(answer, file, 40);
  return answer;
}

/** A name in a directory. */
export interface DirectoryEntry {
  readonly name: ByteString;
  readonly node: number;
  /** With the bits of its kind. */
  readonly mode: number;
}

/** Names from the one numbered `from` on, as many as fit. @see struct fuse_dirent */
export function directoryAnswer(entries: readonly DirectoryEntry[], from: number, size: number): Buffer {
  const pieces: Buffer[] = [];
  let length = 0;
  for (let index = from; index < entries.length; index++) {
    const { name, node, mode } = entries[index] ?? { name: "", node: 0, mode: 0 };
    const piece = Buffer.alloc(24 + Math.ceil(name.length / 8) * 8);
    if (length + piece.length > size) break;
    piece.writeBigUInt64LE(BigInt(node), 0);
    piece.writeBigUInt64LE(BigInt(index + 1), 8);
    piece.writeUInt32LE(name.length, 16);
    piece.writeUInt32LE(mode >> 12, 20);
    piece.write(name, 24, "latin1");
    pieces.push(piece);
    length += piece.length;
  }
  return Buffer.concat(pieces);
}

/** What of a file, or of a directory's names, is read. @see struct fuse_read_in */
export function readRange(body: Buffer): { readonly offset: number; readonly size: number } {
  return { offset: Number(body.readBigUInt64LE(8)), size: body.readUInt32LE(16) };
}

/** A name, up to the byte that ends it. @param at where it begins */
export function nameIn(body: Buffer, at: number = 0): ByteString {
  const end = body.indexOf(0, at);
  return body.toString("latin1", at, end < 0 ? body.length : end);
}

/** The name of an extended attribute that is asked for. @see struct fuse_getxattr_in */
export function xattrAsked(body: Buffer): string {
  return nameIn(body, 8);
}

/**
 * Answer with an attribute or a list of their names; with its size alone where that is asked for.
 *
 * @param tooSmall the error's number where more is there than there is space for
 * @see struct fuse_getxattr_out
 */
export function xattrAnswer(body: Buffer, value: Buffer, tooSmall: number): Buffer | number {
  const space = body.readUInt32LE(0);
  if (space > 0) return value.length > space ? tooSmall : value;
  const answer = Buffer.alloc(8);
  answer.writeUInt32LE(value.length, 0);
  return answer;
}

/** @see struct fuse_statfs_out */
export function statfsAnswer({ bytes, files }: { readonly bytes: number; readonly files: number }): Buffer {
  const answer = Buffer.alloc(80);
  answer.writeBigUInt64LE(BigInt(Math.ceil(bytes / 4096)), 0);
  answer.writeBigUInt64LE(BigInt(files), 24);
  answer.writeUInt32LE(4096, 40);
  answer.writeUInt32LE(255, 44);
  answer.writeUInt32LE(4096, 48);
  return answer;
}
