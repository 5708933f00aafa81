import { type FileHandle, open } from "node:fs/promises";
import { compressionOf, decompress } from "../archive/decompress.ts";
import { monotonic } from "../base/clock.ts";
import { BerthError, codeOf } from "../base/errors.ts";
import { digestOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import { one } from "../registry/bytes.ts";
import type { Repository } from "../registry/repository.ts";
import type { Chunk } from "./toc.ts";

/** A layer whose chunks are read. */
export interface ChunkedBlob {
  readonly blob: Descriptor;
  readonly compression: "gzip" | "zstd";
  /** Those of all files, by their offsets. */
  readonly chunks: readonly Chunk[];
  /** Where its bytes may lie on this machine already, whole or in part: absolute paths. */
  readonly places: readonly string[];
}

/** Gives the content of a chunk, and makes it when it is first asked for. */
type Content = () => Promise<Buffer>;

/** What a {@link ChunkReader} is told. */
export interface ChunkReaderOptions {
  readonly repository: Pick<Repository, "blob">;
  readonly signal: AbortSignal;
  /** Most bytes of content that are kept in memory. */
  readonly memory: number;
}

/** Compressed bytes that are asked for at once, unless a chunk has more: what lies beside is asked for next, most of the time. */
const window = 512 << 10;

/** Chunks that are asked for with one. */
const mostNeighbours = 1000;

/**
 * Reads chunks of layers, each checked by its digest, from what is on this machine or else from the registry. What was read is kept
 * for a while: the kernel asks for a chunk in pieces.
 */
export class ChunkReader {
  readonly #options: ChunkReaderOptions;
  /** What is known or on its way, the least recently used first. */
  readonly #known: Map<Chunk, Content> = new Map();
  #bytes = 0;
  #asking = 0;
  #lastAsked = 0;

  constructor(options: ChunkReaderOptions) {
    this.#options = options;
  }

  /** True while the registry is asked for what somebody waits for. */
  get isAsking(): boolean {
    return this.#asking > 0;
  }

  /** Milliseconds since the registry was last asked; many, where it never was. */
  get quietFor(): number {
    return this.isAsking ? 0 : monotonic() - this.#lastAsked;
  }

  /** The content of a chunk that has a digest. @throws {BerthError} as `Repository.blob`; data-loss, for bytes of another digest */
  async read(layer: ChunkedBlob, chunk: Chunk): Promise<Buffer> {
    const content = this.#known.get(chunk) ?? once(() => this.#bring(layer, chunk));
    this.#keep(chunk, content);
    try {
      return await content();
    } catch (error) {
      this.#forget(chunk, content);
      throw error;
    }
  }

  /** Keep what is known, as the most recently used, and as much of the rest as there is space for. */
  #keep(chunk: Chunk, content: Content): void {
    const isKnown = this.#known.delete(chunk);
    this.#known.set(chunk, content);
    if (!isKnown) this.#bytes += chunk.size;
    for (const [oldest, old] of this.#known) {
      if (this.#bytes <= this.#options.memory || oldest === chunk) return;
      this.#forget(oldest, old);
    }
  }

  #forget(chunk: Chunk, content: Content): void {
    if (this.#known.get(chunk) !== content) return;
    this.#known.delete(chunk);
    this.#bytes -= chunk.size;
  }

  async #bring(layer: ChunkedBlob, chunk: Chunk): Promise<Buffer> {
    for (const place of layer.places) {
      const packed = await partOf(place, chunk);
      // What another process has begun to write may not be right yet.
      const content = packed === undefined ? undefined : await unpacked(layer, chunk, packed).catch(() => undefined);
      if (content !== undefined) return content;
    }
    return await this.#fetch(layer, chunk);
  }

  /** Ask the registry for a chunk, and for those right behind it, whose turn is next, most of the time. */
  async #fetch(layer: ChunkedBlob, chunk: Chunk): Promise<Buffer> {
    const { repository, signal } = this.#options;
    const at = indexOf(layer.chunks, chunk);
    const neighbours: Chunk[] = [];
    for (const next of layer.chunks.slice(at + 1, at + 1 + mostNeighbours)) {
      if (next.end - chunk.offset > window || next.digest === undefined || this.#known.has(next)) break;
      neighbours.push(next);
    }
    const end = Math.max(chunk.end, ...neighbours.map((each) => each.end));
    const packed = this.#counted(async () => {
      const range = { offset: chunk.offset, end, signal, partOnly: true };
      return Buffer.concat(await Array.fromAsync(repository.blob(layer.blob, range), (piece) => Buffer.from(piece)));
    });
    const contentOf = async (each: Chunk): Promise<Buffer> =>
      unpacked(layer, each, (await packed).subarray(each.offset - chunk.offset, each.end - chunk.offset));
    // Nothing is unpacked before somebody asks for it.
    for (const each of neighbours)
      this.#keep(
        each,
        once(() => contentOf(each)),
      );
    return await contentOf(chunk);
  }

  async #counted<T>(ask: () => Promise<T>): Promise<T> {
    this.#asking++;
    try {
      return await ask();
    } finally {
      this.#asking--;
      this.#lastAsked = monotonic();
    }
  }
}

/** Does something the first time that it is called, and gives what came of it every time. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** Where a chunk is in a list that is sorted by offsets. */
function indexOf(chunks: readonly Chunk[], chunk: Chunk): number {
  let [low, high] = [0, chunks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunks[middle]?.offset ?? 0) < chunk.offset) low = middle + 1;
    else high = middle;
  }
  while (low < chunks.length && chunks[low] !== chunk) low++;
  return low;
}

/** The compressed bytes of a chunk in a file; undefined where it doesn't have all of them. */
async function partOf(path: string, { offset, end }: Chunk): Promise<Buffer | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  await using _closed = file;
  const bytes = Buffer.allocUnsafe(end - offset);
  let done = 0;
  while (done < bytes.length) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, offset + done);
    if (bytesRead === 0) return undefined;
    done += bytesRead;
  }
  return bytes;
}

/** The content of a chunk, checked. @throws {BerthError} data-loss */
async function unpacked({ blob, compression }: ChunkedBlob, chunk: Chunk, packed: Buffer): Promise<Buffer> {
  const { inner, size, digest } = chunk;
  const isAsSaid = compressionOf(packed) === compression;
  const plain = isAsSaid ? await firstBytes(packed, inner + size).catch(() => undefined) : undefined;
  const content = plain?.subarray(inner, inner + size);
  if (content !== undefined && digestOf(content) === digest) return content;
  throw new BerthError("data-loss", `a part of the layer ${blob.digest} isn't what its table of contents says`);
}

/** What the first of several compressed streams holds, and no more of what follows than it takes. */
async function firstBytes(packed: Buffer, most: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of decompress(one(packed))) {
    pieces.push(piece);
    length += piece.length;
    if (length >= most) break;
  }
  return Buffer.concat(pieces);
}
