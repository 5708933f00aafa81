import { createHash } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, type ZstdCompress } from "node:zlib";
import { BerthError } from "../base/errors.ts";
import { type DiffID, parseDigest } from "../oci/digest.ts";
import { type ByteString, bytesOf } from "./byte-string.ts";
import { decompress } from "./decompress.ts";
import { type BatchOptions, contentPart, type Part, partBatches, partOf } from "./tar-parts.ts";

/**
 * A recipe gives the bytes of a layer's archive back, out of the directory that it was unpacked to. It is a stream,
 * compressed with zstd: this line, then steps.
 *
 * - `0`, a length (4 bytes), and as many bytes of the archive: headers, padding, all that is no file's content;
 * - `1`, an offset and a length (8 bytes each), the length of a path (2 bytes) and a path: a part of the file that lies
 *   there in the directory.
 *
 * Numbers are little-endian, paths relative to the directory.
 */
const magic = Buffer.from("berth recipe 1\n");

const rawStep = 0;
const contentStep = 1;

/** Bytes of a step's fixed part, its kind included. */
const rawHead = 5;
const contentHead = 19;

/** Most bytes of the archive in one raw step. */
const rawLimit = 1 << 20;

/** A chunk of 1 MiB of raw bytes compresses in 3 ms at this level. */
const compression = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

/** What was recorded of an archive. */
export interface RecordedArchive {
  readonly diffID: DiffID;
  /** Length of the archive, bytes. */
  readonly bytes: number;
}

/**
 * Writes the recipe of an archive while it streams to whoever unpacks it, and hashes it. Told by {@link RecipeRecorder.content}
 * what of each chunk became a file's content; all else goes into the recipe as it is.
 */
export class RecipeRecorder implements AsyncDisposable {
  readonly #hash = createHash("sha256");
  readonly #sink: ZstdCompress = createZstdCompress(compression);
  readonly #written: Promise<void>;
  #bytes = 0;
  #chunk: Buffer = Buffer.alloc(0);
  /** How far the chunk is recorded. */
  #at = 0;
  /** The content step that still grows. */
  #open: { readonly path: ByteString; readonly offset: number; length: number } | undefined;
  #steps: Buffer[] = [magic];

  /** @param path where the recipe is written */
  constructor(path: string) {
    this.#written = pipeline(this.#sink, createWriteStream(path, { mode: 0o600 }));
    // Whoever writes next, or finishes, is told.
    this.#written.catch(() => {});
  }

  /** The archive itself. What takes it must be done with each chunk when it asks for the next. */
  async *through(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
    for await (const bytes of source) {
      const chunk = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      this.#hash.update(chunk);
      this.#bytes += chunk.length;
      this.#chunk = chunk;
      this.#at = 0;
      yield chunk;
      this.#raw(chunk.length);
      await this.#flush();
    }
  }

  /**
   * Say that `view` was written to the file at `path`, relative to the directory, from `offset` on. Nothing is made of it
   * where it is no part of the current chunk.
   */
  content(path: ByteString, view: Buffer, offset: number): void {
    const start = view.byteOffset - this.#chunk.byteOffset;
    const inside = view.buffer === this.#chunk.buffer && start >= this.#at && start + view.length <= this.#chunk.length;
    if (!inside || view.length === 0) return;
    this.#raw(start);
    this.#at = start + view.length;
    const open = this.#open;
    if (open !== undefined && open.path === path && open.offset + open.length === offset) {
      open.length += view.length;
      return;
    }
    this.#endContent();
    this.#open = { path, offset, length: view.length };
  }

  /** The recipe is complete, though not yet synced. */
  async finish(): Promise<RecordedArchive> {
    this.#endContent();
    await this.#flush();
    this.#sink.end();
    await this.#written;
    return { diffID: parseDigest(`sha256:${this.#hash.digest("hex")}`), bytes: this.#bytes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#sink.writableEnded) this.#sink.destroy();
    await this.#written.catch(() => {});
  }

  /** Record the chunk's bytes up to `end` as they are. */
  #raw(end: number): void {
    if (end > this.#at) this.#endContent();
    for (; this.#at < end; this.#at += rawLimit) {
      const bytes = this.#chunk.subarray(this.#at, Math.min(end, this.#at + rawLimit));
      const head = Buffer.alloc(rawHead);
      head[0] = rawStep;
      head.writeUInt32LE(bytes.length, 1);
      this.#steps.push(head, bytes);
    }
    this.#at = end;
  }

  #endContent(): void {
    if (this.#open === undefined) return;
    const { path, offset, length } = this.#open;
    const head = Buffer.alloc(contentHead);
    head[0] = contentStep;
    head.writeBigUInt64LE(BigInt(offset), 1);
    head.writeBigUInt64LE(BigInt(length), 9);
    head.writeUInt16LE(path.length, 17);
    this.#steps.push(head, Buffer.from(path, "latin1"));
    this.#open = undefined;
  }

  /** A copy goes out: the source may use its buffer again. */
  async #flush(): Promise<void> {
    if (this.#steps.length === 0) return;
    const steps = Buffer.concat(this.#steps);
    this.#steps = [];
    if (!this.#sink.write(steps)) await Promise.race([once(this.#sink, "drain"), this.#written]);
  }
}

/**
 * The archive that the recipe at `path` was recorded of, from the files in `directory`.
 *
 * @throws {BerthError} data-loss, when recipe or files are not what they were
 */
export async function* restoreArchive(
  path: string,
  directory: string,
  options: BatchOptions = {},
): AsyncGenerator<Buffer> {
  const source = decompress(createReadStream(path, { highWaterMark: 1 << 18 }));
  try {
    const reader = new StepReader(source);
    const start = await reader.take(magic.length);
    if (!start.equals(magic)) throw damaged(path);
    yield* partBatches(steps(reader, bytesOf(directory)), options);
  } finally {
    // Whoever stops early is done with the file, too.
    await source.return(undefined);
  }
}

async function* steps(reader: StepReader, directory: ByteString): AsyncGenerator<Part> {
  while (await reader.more()) {
    const [kind] = await reader.take(1);
    if (kind === rawStep) {
      const length = (await reader.take(rawHead - 1)).readUInt32LE();
      if (length > rawLimit) throw damaged("a recipe");
      yield partOf(await reader.take(length));
    } else if (kind === contentStep) {
      const head = await reader.take(contentHead - 1);
      const range = { from: Number(head.readBigUInt64LE(0)), length: Number(head.readBigUInt64LE(8)) };
      const name = (await reader.take(head.readUInt16LE(16))).toString("latin1");
      using content = contentPart(`${directory}/${name}`, range);
      yield content;
    } else throw damaged("a recipe");
  }
}

/** Bytes of a stream by their number. */
class StepReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async more(): Promise<boolean> {
    return this.#buffer.length > 0 || (await this.#fill());
  }

  async take(count: number): Promise<Buffer> {
    while (this.#buffer.length < count) if (!(await this.#fill())) throw damaged("a recipe");
    const bytes = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return bytes;
  }

  async #fill(): Promise<boolean> {
    const { value, done } = await this.#source.next();
    if (done === true) return false;
    const more = Buffer.from(value.buffer, value.byteOffset, value.length);
    this.#buffer = this.#buffer.length === 0 ? more : Buffer.concat([this.#buffer, more]);
    return true;
  }
}

function damaged(what: string): BerthError {
  return new BerthError("data-loss", `${what} is damaged`);
}
