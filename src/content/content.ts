import { createHash } from "node:crypto";
import { closeSync, createReadStream, existsSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { namesIn } from "../host/held-dir.ts";
import type { Host } from "../host/host.ts";
import { tryLock } from "../host/lock.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type FileContent, makeDirectoryDurably, moveDurably, writeFileDurably } from "../host/write-file.ts";
import { checkedBytes } from "../oci/checked-bytes.ts";
import { type Digest, digestOf, hexOf, isDigest, parseDigest } from "../oci/digest.ts";

/** Blobs by digest, one file each below `<root>/blobs/sha256`. A blob is visible only when it is whole, on disk and verified. */
export interface ContentStore {
  has(digest: Digest): boolean;
  /**
   * The bytes of a blob.
   *
   * @param limit the most bytes that the caller is ready to hold
   * @throws {BerthError} not-found; data-loss, when the bytes no longer have that digest; invalid-argument, over `limit`
   */
  readAll(digest: Digest, limit: number): Buffer;
  /** Store bytes. Idempotent: nothing is written when the blob is there. */
  put(bytes: Uint8Array): Promise<Digest>;
  /**
   * Store a blob that `open` streams. Idempotent: nothing is read when it is there.
   *
   * @throws {BerthError} invalid-argument, when the bytes have another digest
   */
  store(digest: Digest, open: () => AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Make a blob of a file on the same file system, whose bytes are known to have the digest: it is synced, and moved. Nothing
   * happens when the blob is there and the file isn't: somebody else was quicker.
   */
  adopt(digest: Digest, path: string): Promise<void>;
  /** The bytes of a blob, piece by piece. @throws {BerthError} not-found; data-loss, at the end, when they no longer have that digest */
  read(digest: Digest): AsyncIterable<Uint8Array>;
  /** A blob to read parts of, also after it was deleted; undefined when it isn't there. Its digest isn't checked. */
  open(digest: Digest): Promise<OpenedBlob | undefined>;
  /** Delete a blob; nothing when it isn't there. */
  delete(digest: Digest): void;
  /** Whether a blob is there and has its digest. @param length how long it is known to be; its bytes aren't read then */
  verify(digest: Digest, length?: number): "whole" | "damaged" | "missing";
  /** Names of files that are no blobs: what a process that was killed has left. */
  strays(): readonly string[];
  /** Delete one of {@link ContentStore.strays}, unless its process lives. */
  deleteStray(name: string): void;
  /** Every blob with its size in bytes. */
  list(): readonly { readonly digest: Digest; readonly size: number }[];
}

/** The file of a blob. */
export interface OpenedBlob extends AsyncDisposable {
  /** Bytes. */
  readonly size: number;
  /** The bytes from `first` up to `end`, which isn't among them. A piece is good until the next one is asked for. */
  read(first: number, end: number): AsyncIterable<Uint8Array>;
}

/** Open the blobs of a store. */
export function openContent(host: Pick<Host, "root" | "syscalls">): ContentStore {
  const directory = join(host.root, "blobs", "sha256");
  const pathOf = (digest: Digest): string => join(directory, hexOf(digest));
  const write = async (digest: Digest, content: FileContent): Promise<void> => {
    if (verify(pathOf(digest), digest, undefined) === "whole") return;
    if (statSync(pathOf(digest), { throwIfNoEntry: false })?.isDirectory()) rmSync(pathOf(digest), { recursive: true });
    await makeDirectoryDurably(directory);
    await writeFileDurably(pathOf(digest), content);
  };
  return {
    has: (digest) => statSync(pathOf(digest), { throwIfNoEntry: false }) !== undefined,
    readAll: (digest, limit) => readVerified(pathOf(digest), digest, limit),
    put: async (bytes) => {
      const digest = digestOf(bytes);
      await write(digest, bytes);
      return digest;
    },
    store: (digest, open) => write(digest, () => checkedBytes(open(), digest, otherDigest)),
    adopt: async (digest, path) => {
      await makeDirectoryDurably(directory);
      try {
        await moveDurably(path, pathOf(digest));
      } catch (error) {
        if (codeOf(error) !== "ENOENT" || !existsSync(pathOf(digest))) throw error;
      }
    },
    read: (digest) => readChecked(pathOf(digest), digest),
    open: (digest) => openBlob(pathOf(digest)),
    verify: (digest, length) => verify(pathOf(digest), digest, length),
    strays: () =>
      namesIn(directory).filter((name) => !isDigest(`sha256:${name}`) && isStray(host.syscalls, join(directory, name))),
    deleteStray: (name) => {
      using taken = tryLock(host.syscalls, join(directory, name), { create: false });
      if (taken !== undefined) rmSync(taken.path, { force: true });
    },
    // What isn't a file there is no blob.
    delete: (digest) => rmSync(pathOf(digest), { force: true, recursive: true }),
    list: () => listBlobs(directory),
  };
}

function verify(path: string, digest: Digest, length: number | undefined): "whole" | "damaged" | "missing" {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return "missing";
  if (!found.isFile()) return "damaged";
  const { size } = found;
  const isWhole = length === undefined ? digestOfFile(path, size) === digest : size === length;
  return isWhole ? "whole" : "damaged";
}

const readSize = 1 << 20;
/** Less, for there may be hundreds who read. */
const partSize = 1 << 18;

function digestOfFile(path: string, size: number): Digest {
  if (size <= readSize) return digestOf(readFileSync(path));
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(readSize);
  using file = openForReading(path);
  for (let read = readSync(file.fd, buffer); read > 0; read = readSync(file.fd, buffer)) {
    hash.update(buffer.subarray(0, read));
  }
  return parseDigest(`sha256:${hash.digest("hex")}`);
}

function openForReading(path: string): Disposable & { readonly fd: number } {
  const fd = openSync(path, "r");
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

async function* readChecked(path: string, digest: Digest): AsyncGenerator<Uint8Array> {
  sizeOfFile(path, digest);
  yield* checkedBytes(createReadStream(path, { highWaterMark: readSize }), digest, damaged);
}

async function openBlob(path: string): Promise<OpenedBlob | undefined> {
  // Of what isn't a file nobody can be served.
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  try {
    const file = await open(path);
    const { size } = await file.stat();
    return { size, read: (first, end) => readPart(file, first, end), [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function* readPart(file: FileHandle, first: number, end: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(partSize, Math.max(end - first, 0)));
  for (let at = first; at < end; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, end - at), at);
    if (bytesRead === 0) throw new Error("a blob has shrunk while it was read");
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

const notFound = (digest: Digest): BerthError => new BerthError("not-found", `content ${digest}: not found`);
const otherDigest = (digest: Digest, found: string): BerthError =>
  new BerthError("invalid-argument", `content has the digest ${found}, expected ${digest}`);
const damaged = (digest: Digest): BerthError =>
  new BerthError("data-loss", `content ${digest} is damaged`, {
    hint: "`berth system check --repair` takes it from another copy, or fetches it again.",
  });

/** A file that is being written is locked. */
function isStray(syscalls: Syscalls, path: string): boolean {
  using taken = tryLock(syscalls, path, { create: false });
  return taken !== undefined;
}

/** @throws {BerthError} not-found; data-loss, for what is no file: to open a FIFO takes until somebody writes to it */
function sizeOfFile(path: string, digest: Digest): number {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw notFound(digest);
  if (!found.isFile()) throw damaged(digest);
  return found.size;
}

function readVerified(path: string, digest: Digest, limit: number): Buffer {
  const size = sizeOfFile(path, digest);
  if (size > limit) throw new BerthError("invalid-argument", `content ${digest} has ${size} bytes, more than ${limit}`);
  const bytes = readFileSync(path);
  if (digestOf(bytes) !== digest) throw damaged(digest);
  return bytes;
}

function listBlobs(directory: string): readonly { digest: Digest; size: number }[] {
  return namesIn(directory).flatMap((name) => {
    const digest = `sha256:${name}`;
    const size = statSync(join(directory, name), { throwIfNoEntry: false })?.size;
    return isDigest(digest) && size !== undefined ? [{ digest, size }] : [];
  });
}
