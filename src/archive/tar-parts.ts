import { closeSync, constants, openSync, readSync } from "node:fs";
import { BerthError } from "../base/errors.ts";
import { type ByteString, pathOf, textOf } from "./byte-string.ts";
import { paddingOf } from "./tar-writer.ts";

/** Bytes read and yielded at once. */
const batchSize: number = 1 << 20;

/** How batches of an archive's bytes are handed out. */
export interface BatchOptions {
  /**
   * Few buffers are used in turn, which is much cheaper than a new one each time: a batch is good until the next but one is
   * asked for, so that one can be written while the next is made. When absent, who takes a batch may keep it.
   */
  readonly reuse?: boolean;
}

/** Where a {@link Batcher} takes its buffers. */
export type Allocate = () => Buffer;

/** Buffers as {@link BatchOptions} says. */
export function allocateFor({ reuse = false }: BatchOptions): Allocate {
  return reuse ? buffersInTurn(2) : () => Buffer.allocUnsafe(batchSize);
}

/** As many buffers, in turn. */
function buffersInTurn(count: number): Allocate {
  const buffers = Array.from({ length: count }, () => Buffer.allocUnsafeSlow(batchSize));
  let turn = 0;
  return () => buffers[turn++ % count] as Buffer;
}

/** A run of an archive's bytes. */
export interface Part {
  readonly length: number;
  /** Put the `count` bytes that begin at `from` into `target` at `at`. */
  copy(target: Buffer, at: number, from: number, count: number): void;
}

/** Bytes that are there. */
export function partOf(bytes: Buffer): Part {
  return {
    length: bytes.length,
    copy: (target, at, from, count) => void bytes.copy(target, at, from, from + count),
  };
}

/** A run of a file. */
export interface FileRange {
  readonly from: number;
  readonly length: number;
}

/**
 * What a file holds in a range, read when it is asked for.
 *
 * @param padded zeros stand for what it lacks
 * @throws {BerthError} data-loss, when it ends before the range does
 */
export function contentPart(
  path: ByteString,
  { from: start, length }: FileRange,
  padded: boolean = false,
): Part & Disposable {
  // A pipe in its place would make this wait.
  const fd = openSync(pathOf(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  return {
    length,
    copy: (target, at, from, count) => {
      for (let done = 0; done < count; ) {
        const read = readSync(fd, target, at + done, count - done, start + from + done);
        if (read === 0 && !padded) throw new BerthError("data-loss", `${textOf(path)} is shorter than it was`);
        if (read === 0) target.fill(0, at + done, at + count);
        done += read === 0 ? count - done : read;
      }
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/** A file's bytes and their padding to whole blocks. @param padded zeros for what a file in use has lost meanwhile */
export function paddedContent(
  path: ByteString,
  { size, padded = false }: { readonly size: number; readonly padded?: boolean },
): Part & Disposable {
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

/** Collects parts into buffers of one size. */
export class Batcher {
  readonly #allocate: Allocate;
  #batch: Buffer;
  #used = 0;

  constructor(allocate: Allocate) {
    this.#allocate = allocate;
    this.#batch = allocate();
  }

  /** The batches that a part fills; their user is done with each when it asks for the next. */
  *add(part: Part): Generator<Buffer> {
    for (let done = 0; done < part.length; ) {
      const count = Math.min(this.#batch.length - this.#used, part.length - done);
      part.copy(this.#batch, this.#used, done, count);
      done += count;
      this.#used += count;
      if (this.#used < this.#batch.length) continue;
      yield this.#batch;
      this.#batch = this.#allocate();
      this.#used = 0;
    }
  }

  /** What is left. */
  *end(): Generator<Buffer> {
    if (this.#used > 0) yield this.#batch.subarray(0, this.#used);
  }
}

/** Parts as batches. */
export async function* partBatches(parts: AsyncIterable<Part>, options: BatchOptions): AsyncGenerator<Buffer> {
  const batcher = new Batcher(allocateFor(options));
  for await (const part of parts) yield* batcher.add(part);
  yield* batcher.end();
}
