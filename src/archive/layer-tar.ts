import { lstatSync } from "node:fs";
import { crc32 } from "node:zlib";
import type { Operation } from "../base/operation.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type DiffID, parseDigest } from "../oci/digest.ts";
import { type ByteString, bytesOf } from "./byte-string.ts";
import { type HeaderStyle, headersOf } from "./entry-header.ts";
import { attributesOf, entryOf, type ManifestEntry, type ManifestRecorder } from "./manifest.ts";
import { PieceHash } from "./piece-hash.ts";
import { noXattrs } from "./tar-header.ts";
import {
  type Allocate,
  allocateFor,
  Batcher,
  type BatchOptions,
  type Part,
  paddedContent,
  partOf,
} from "./tar-parts.ts";
import { endOfArchive } from "./tar-writer.ts";
import { isGone, type WalkedFile, walk } from "./walk.ts";
import { isWhiteout } from "./whiteout.ts";

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

/** What reading a layer's directory needs. */
export interface LayerTarOptions extends Operation, BatchOptions {
  readonly syscalls: Syscalls;
  readonly writer: LayerWriter;
}

/** What {@link hashLayer} takes beside. */
export interface HashOptions extends LayerTarOptions {
  /** Told of every file that goes into the archive, with all its portable extended attributes. */
  readonly manifest?: Pick<ManifestRecorder, "add">;
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
  const writer = new TreeWriter(options, { allocate: allocateFor(options) });
  for (const batch of writer.batches(walk(bytesOf(directory), options))) {
    options.signal?.throwIfAborted();
    yield batch;
  }
}

/**
 * The archive of a file system: files that may lie in several places and may be in use. As {@link layerTar} but for the root,
 * which has no entry. What goes away meanwhile is left out, what becomes shorter is filled up with zeros.
 */
export async function* treeTar(files: Iterable<WalkedFile>, options: LayerTarOptions): AsyncGenerator<Buffer> {
  const writer = new TreeWriter(options, { allocate: allocateFor(options), plain: true });
  for (const batch of writer.batches(files)) {
    options.signal?.throwIfAborted();
    yield batch;
  }
}

/** The same archive of a directory, of which `manifest` says what it holds, in the same order: only contents are read. */
export async function* manifestTar(
  directory: string,
  manifest: Iterable<ManifestEntry>,
  options: Omit<LayerTarOptions, "syscalls">,
): AsyncGenerator<Buffer> {
  const root = bytesOf(directory);
  const style = styleOf(options.writer, false);
  function* parts(): Generator<Part> {
    for (const entry of manifest) {
      const time = entry.path === "" ? lstatSync(directory, { bigint: true }).mtimeNs : entry.mtimeNs;
      yield partOf(headersOf(entry, style, time));
      if (entry.size === 0) continue;
      using content = paddedContent(`${root}/${entry.path}`, { size: entry.size });
      yield content;
    }
    yield partOf(endOfArchive);
  }
  const batcher = new Batcher(allocateFor(options));
  for (const part of parts()) {
    for (const batch of batcher.add(part)) {
      options.signal?.throwIfAborted();
      yield batch;
    }
  }
  yield* batcher.end();
}

/** The digest of what {@link layerTar} yields for a directory, without making it. */
export async function hashLayer(directory: string, options: HashOptions): Promise<HashedLayer> {
  const { manifest } = options;
  await using hash = new PieceHash();
  const writer = new TreeWriter(options, {
    allocate: () => hash.memory(),
    ...(manifest === undefined ? {} : { manifest }),
  });
  let bytes = 0;
  for (const batch of writer.batches(walk(bytesOf(directory), options))) {
    await hash.update(batch);
    bytes += batch.length;
    options.signal?.throwIfAborted();
  }
  return { diffID: parseDigest(`sha256:${await hash.digest()}`), size: writer.size, bytes };
}

interface WriterOptions {
  readonly allocate: Allocate;
  readonly plain?: boolean;
  readonly manifest?: HashOptions["manifest"];
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

/** Writes the archive of files that a walk comes by into buffers that it is given. */
class TreeWriter {
  /** Bytes of regular files so far. */
  size = 0;
  readonly #syscalls: Syscalls;
  readonly #style: HeaderStyle;
  readonly #allocate: Allocate;
  readonly #manifest: HashOptions["manifest"];
  /** First name of each file that has several. */
  readonly #names: Map<bigint, ByteString> = new Map();

  constructor({ syscalls, writer }: LayerTarOptions, { allocate, plain = false, manifest }: WriterOptions) {
    this.#syscalls = syscalls;
    this.#style = styleOf(writer, plain);
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
    for (const file of files) {
      try {
        yield* this.#entry(file);
      } catch (error) {
        if (!this.#style.plain || !isGone(file, error)) throw error;
      }
    }
    yield partOf(endOfArchive);
  }

  *#entry(file: WalkedFile): Generator<Part> {
    if (file.stats.isSocket()) return;
    const entry = this.#look(file);
    const { plain } = this.#style;
    // Opened before the header goes out: a file in use may be gone.
    using content = entry.size === 0 ? undefined : paddedContent(file.path, { size: entry.size, padded: plain });
    this.size += entry.kind === "symlink" ? entry.target.length : entry.size;
    yield partOf(headersOf(entry, this.#style, file.stats.mtimeNs));
    const sum = new PartSum(entry.size);
    if (content !== undefined) yield this.#manifest === undefined ? content : sum.around(content);
    this.#manifest?.add({ ...entry, crc: sum.crc });
  }

  #look(file: WalkedFile): ManifestEntry {
    if (!this.#style.plain && isWhiteout(file.stats)) {
      return entryOf(file, { first: undefined, crc: 0, xattrs: noXattrs, opaque: false });
    }
    const first = file.stats.nlink > 1n && !file.stats.isDirectory() ? this.#firstName(file) : undefined;
    return entryOf(file, { first, crc: 0, ...attributesOf(this.#syscalls, file) });
  }

  #firstName({ stats, name }: WalkedFile): ByteString | undefined {
    const first = this.#names.get(stats.ino);
    if (first === undefined) this.#names.set(stats.ino, name);
    return first;
  }
}

function styleOf(writer: LayerWriter, plain: boolean): HeaderStyle {
  return { plain, onlyCapabilities: writer === layerWriters.made };
}
