import { createHash } from "node:crypto";
import { readlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { crc32 } from "node:zlib";
import type { Operation } from "../base/operation.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type DiffID, parseDigest } from "../oci/digest.ts";
import { type ByteString, bytesOf, pathOf } from "./byte-string.ts";
import { majorOf, minorOf } from "./device.ts";
import { kindOf } from "./file-kind.ts";
import { entryOf, type ManifestRecorder } from "./manifest.ts";
import { noXattrs, type TarHeader } from "./tar-header.ts";
import { Batcher, batchSize, contentPart, type Part, partOf } from "./tar-parts.ts";
import { encodeHeader, endOfArchive, paddingOf } from "./tar-writer.ts";
import { childOf, isGone, type WalkedFile, walk } from "./walk.ts";
import { isOpaque, isWhiteout, opaqueName, whiteoutPrefix } from "./whiteout.ts";
import { capabilitiesOf, readXattrs } from "./xattrs.ts";

/**
 * How {@link layerTar} writes, by the number that is kept with each layer: a diffID is only good with the writer that made it.
 * Other bytes for the same directory need a new number.
 */
export const layerWriters = {
  /** For a layer that came as an archive: every extended attribute but those of overlayfs and of one machine (SELinux, IMA, EVM). */
  taken: 1,
  /**
   * For a layer that was made here: of the extended attributes only the capabilities of programs, as in Docker's layers.
   * What a desktop, an access control list or a share left on the files of a build context stays on this machine.
   */
  made: 2,
} as const;

/** A number of {@link layerWriters}. */
export type LayerWriter = (typeof layerWriters)[keyof typeof layerWriters];

/** Batches between two turns of the event loop. */
const batchesPerTurn = 16;

/** What reading a layer's directory needs. */
export interface LayerTarOptions extends Operation {
  readonly syscalls: Syscalls;
  readonly writer: LayerWriter;
}

/** What {@link hashLayer} takes beside. */
export interface HashOptions extends LayerTarOptions {
  /** Told of every file that goes into the archive. */
  readonly manifest?: ManifestRecorder;
}

/** What a layer's archive comes to. */
export interface HashedLayer {
  readonly diffID: DiffID;
  /** Sum of the sizes of its regular files and symlinks, hard links once, bytes: Docker's size of a layer. */
  readonly size: number;
  /** Length of the archive, bytes. */
  readonly bytes: number;
}

/**
 * The canonical archive of a directory of differences in overlayfs's form. The same directory always gives the same bytes:
 *
 * - depth first, the names of each directory in the order of their bytes, each directory before its content;
 * - owners by number, no names; access and change times left out; modification times to the nanosecond;
 * - the root only where its mode isn't 0755, its owner not 0:0, or it has extended attributes;
 * - a file with several names is stored under the first, the others are hard links to it;
 * - whiteouts are empty `.wh.` files (mode, owner and time zero), `.wh..wh..opq` comes first in an opaque directory;
 * - extended attributes as {@link layerWriters} says;
 * - sockets are left out, as in Docker.
 *
 * @see image-spec v1.1 layer.md
 */
export async function* layerTar(directory: string, options: LayerTarOptions): AsyncGenerator<Buffer> {
  const writer = new DirectoryWriter(options, { allocate: () => Buffer.allocUnsafe(batchSize) });
  for (const batch of writer.batches(walk(bytesOf(directory)))) {
    options.signal?.throwIfAborted();
    yield batch;
  }
}

/**
 * The archive of a file system: files that may lie in several places and may be in use. As {@link layerTar} but for the root,
 * which has no entry. What goes away meanwhile is left out, what becomes shorter is filled up with zeros.
 */
export async function* treeTar(files: Iterable<WalkedFile>, options: LayerTarOptions): AsyncGenerator<Buffer> {
  const allocate = (): Buffer => Buffer.allocUnsafe(batchSize);
  const writer = new DirectoryWriter(options, { allocate, plain: true });
  for (const batch of writer.batches(files)) {
    options.signal?.throwIfAborted();
    yield batch;
  }
}

/** The digest of what {@link layerTar} yields for a directory, without making it. */
export async function hashLayer(directory: string, options: HashOptions): Promise<HashedLayer> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(batchSize);
  const { manifest } = options;
  const writer = new DirectoryWriter(options, {
    allocate: () => buffer,
    ...(manifest === undefined ? {} : { manifest }),
  });
  let bytes = 0;
  let batches = 0;
  for (const batch of writer.batches(walk(bytesOf(directory)))) {
    hash.update(batch);
    bytes += batch.length;
    if (++batches % batchesPerTurn === 0) await turn();
    options.signal?.throwIfAborted();
  }
  return { diffID: parseDigest(`sha256:${hash.digest("hex")}`), size: writer.size, bytes };
}

interface WriterOptions {
  readonly allocate: () => Buffer;
  readonly plain?: boolean;
  readonly manifest?: ManifestRecorder;
}

/** The checksum of the first `length` bytes of a part, which is copied from its beginning to its end. */
class PartSum {
  crc = 0;
  readonly #length: number;

  constructor(length: number) {
    this.#length = length;
  }

  around(part: Part): Part {
    return {
      length: part.length,
      copy: (target, at, from, count) => {
        part.copy(target, at, from, count);
        const own = Math.max(0, Math.min(count, this.#length - from));
        this.crc = crc32(target.subarray(at, at + own), this.crc);
      },
    };
  }
}

/** Writes one directory's archive into buffers that it is given. */
class DirectoryWriter {
  /** Bytes of regular files so far. */
  size = 0;
  readonly #syscalls: Syscalls;
  readonly #isMade: boolean;
  readonly #allocate: () => Buffer;
  /** A file system as it is seen: no whiteouts, and files that may be in use. */
  readonly #plain: boolean;
  readonly #manifest: ManifestRecorder | undefined;
  /** First name of each file that has several. */
  readonly #names: Map<bigint, ByteString> = new Map();

  constructor({ syscalls, writer }: LayerTarOptions, { allocate, plain = false, manifest }: WriterOptions) {
    this.#syscalls = syscalls;
    this.#plain = plain;
    this.#isMade = writer === layerWriters.made;
    this.#manifest = manifest;
    this.#allocate = allocate;
  }

  /** Each batch is full but the last, and its user is done with it when asking for the next. */
  *batches(files: Iterable<WalkedFile>): Generator<Buffer> {
    const batcher = new Batcher(this.#allocate);
    for (const part of this.#parts(files)) yield* batcher.add(part);
    yield* batcher.end();
  }

  *#parts(files: Iterable<WalkedFile>): Generator<Part> {
    for (const entry of files) {
      if (!this.#plain && isWhiteout(entry.stats)) {
        this.#manifest?.add(entryOf(entry, { first: undefined, crc: 0, xattrs: noXattrs, opaque: false }));
        yield partOf(encodeHeader(whiteout(entry.name)));
        continue;
      }
      try {
        yield* this.#entry(entry);
      } catch (error) {
        if (!this.#plain || !isGone(entry, error)) throw error;
      }
    }
    yield partOf(endOfArchive);
  }

  *#entry(entry: WalkedFile): Generator<Part> {
    const xattrs = entry.stats.isSocket() ? noXattrs : readXattrs(this.#syscalls, entry.path);
    const header = this.#header(entry, xattrs);
    if (header === undefined) return;
    // Opened before the header goes out: a file in use may be gone.
    using content = header.size === 0 ? undefined : openContent(entry.path, { size: header.size, padded: this.#plain });
    this.size += header.type === "symlink" ? header.linkname.length : header.size;
    if (entry.name !== "" || (!this.#plain && isSpecialRoot(header))) yield partOf(encodeHeader(header));
    const opaque = !this.#plain && header.type === "dir" && isOpaque(this.#syscalls, entry.path);
    if (opaque) yield partOf(encodeHeader(whiteout(childOf(entry.name, opaqueName), "")));
    const sum = new PartSum(header.size);
    if (content !== undefined) yield this.#manifest === undefined ? content : sum.around(content);
    const first = header.type === "link" ? header.linkname : undefined;
    this.#manifest?.add(entryOf(entry, { first, crc: sum.crc, xattrs, opaque }));
  }

  #header(entry: WalkedFile, xattrs: ReadonlyMap<string, Buffer>): TarHeader | undefined {
    const { stats, path } = entry;
    const type = kindOf(stats);
    if (type === "socket") return undefined;
    const first = stats.nlink > 1n && type !== "dir" ? this.#firstName(entry) : undefined;
    const size = type === "file" && first === undefined ? Number(stats.size) : 0;
    const device = type === "char" || type === "block";
    return {
      name: entry.name === "" ? "." : entry.name,
      type: first === undefined ? type : "link",
      mode: Number(stats.mode) & 0o7777,
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      size,
      mtimeNs: stats.mtimeNs,
      linkname: first ?? (type === "symlink" ? readlinkSync(pathOf(path), "latin1") : ""),
      major: device ? majorOf(stats.rdev) : 0,
      minor: device ? minorOf(stats.rdev) : 0,
      xattrs: first !== undefined ? noXattrs : this.#isMade ? capabilitiesOf(xattrs) : xattrs,
    };
  }

  #firstName({ stats, name }: WalkedFile): ByteString | undefined {
    const first = this.#names.get(stats.ino);
    if (first === undefined) this.#names.set(stats.ino, name);
    return first;
  }
}

/** A file's bytes and their padding. @param padded zeros for what a file in use has lost meanwhile */
function openContent(path: ByteString, { size, padded }: { size: number; padded: boolean }): Part & Disposable {
  const content = contentPart(path, { from: 0, length: size }, padded);
  return {
    length: size + paddingOf(size),
    copy: (target, at, from, count) => {
      const own = Math.max(0, Math.min(count, size - from));
      if (own > 0) content.copy(target, at, from, own);
      target.fill(0, at + own, at + count);
    },
    [Symbol.dispose]: () => content[Symbol.dispose](),
  };
}

function isSpecialRoot(header: TarHeader): boolean {
  return header.mode !== 0o755 || header.uid !== 0 || header.gid !== 0 || header.xattrs.size > 0;
}

function whiteout(name: ByteString, prefix = whiteoutPrefix): TarHeader {
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
