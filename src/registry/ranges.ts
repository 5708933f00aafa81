import { monotonic } from "../base/clock.ts";
import { BerthError } from "../base/errors.ts";

/** When and how a large blob is fetched over several connections. */
export interface RangeOptions {
  /** Connections beside the first one of each blob, of all blobs together; 0: never any. */
  readonly beside: number;
  /** Bytes of a range. As many are held in memory of each one that is under way. */
  readonly size: number;
  /** Bytes that must be left of a blob for it to be worth it. */
  readonly worthwhile: number;
  /** Bytes of a second below which one connection is slow: what comes faster is as fast as it is unpacked. */
  readonly slow: number;
}

/** What holds where nobody says otherwise. At 8 connections a registry may well take the client for an attack. */
export const usualRanges: RangeOptions = { beside: 3, size: 4 << 20, worthwhile: 32 << 20, slow: 16 << 20 };

/** Connections that may be made beside the first one of each blob. */
export interface Spare {
  readonly options: RangeOptions;
  /** @returns false where all are in use */
  take(): boolean;
  giveBack(): void;
}

/** They are shared by all that an engine fetches. */
export function openSpare(options: RangeOptions): Spare {
  let left = options.beside;
  return {
    options,
    take: () => left > 0 && left-- > 0,
    giveBack: () => {
      left++;
    },
  };
}

/** How a part of a blob is read: alone, over as many connections one after the other as it takes; or as one range of several, or not at all. */
export interface RangeReaders {
  /** @param onParts told once, whether the server gives parts */
  readonly alone: (at: number, onParts: (given: boolean) => void) => AsyncIterable<Uint8Array>;
  /** @throws {BerthError} where it didn't go at once */
  readonly range: (at: number, end: number, signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

/**
 * The bytes of a blob from `at` up to `end`, in order. They come over one connection; where that turns out to be slow, much is left, and
 * the server gives parts, over several at once. Where one of these is refused, or is cut, the rest comes over one again.
 */
export async function* readInRanges(
  { alone, range }: RangeReaders,
  { at: first, end, fleeting }: { readonly at: number; readonly end: number; readonly fleeting: boolean },
  spare: Spare,
): AsyncGenerator<Uint8Array> {
  let at = first;
  let givesParts = false;
  const pace = new Pace(spare.options);
  const single = alone(at, (given) => {
    givesParts = given;
  });
  for await (const chunk of pace.measured(single)) {
    at += chunk.length;
    yield chunk;
    if (givesParts && pace.isSlow && end - at >= spare.options.worthwhile && spare.take()) break;
  }
  if (at === end) return;
  // The one that was taken.
  spare.giveBack();
  try {
    for await (const bytes of sideBySide(range, { at, end }, spare)) {
      at += bytes.length;
      yield bytes;
      if (fleeting) free(bytes);
    }
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    yield* alone(at, () => {});
  }
}

/** How fast a stream comes, without the time that its reader takes. */
class Pace {
  isSlow = false;
  readonly #options: RangeOptions;
  #waited = 0;
  #bytes = 0;

  constructor(options: RangeOptions) {
    this.#options = options;
  }

  async *measured(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let asked = monotonic();
    for await (const chunk of source) {
      this.#add(chunk.length, monotonic() - asked);
      yield chunk;
      asked = monotonic();
    }
  }

  /** Of each two ranges the average counts. */
  #add(bytes: number, milliseconds: number): void {
    const { size, slow } = this.#options;
    this.#bytes += bytes;
    this.#waited += milliseconds;
    if (this.#bytes < 2 * size) return;
    this.isSlow = (this.#bytes * 1000) / this.#waited < slow;
    this.#bytes = 0;
    this.#waited = 0;
  }
}

/** A range that is under way, or was and isn't read yet. */
interface Fetched {
  readonly bytes: Promise<Uint8Array>;
  /** Over a connection beside the first one. */
  readonly isSpare: boolean;
}

async function* sideBySide(
  read: RangeReaders["range"],
  { at, end }: { readonly at: number; readonly end: number },
  spare: Spare,
): AsyncGenerator<Uint8Array> {
  const stop = new AbortController();
  const ranges: Fetched[] = [];
  let next = at;
  const begin = (): void => {
    while (next < end) {
      const isSpare = ranges.some((range) => !range.isSpare);
      if (isSpare && !spare.take()) return;
      const last = Math.min(next + spare.options.size, end);
      const bytes = gathered(read(next, last, stop.signal), last - next);
      // Told to whoever comes to it.
      bytes.catch(() => {});
      ranges.push({ bytes, isSpare });
      next = last;
    }
  };
  try {
    for (;;) {
      begin();
      const [range] = ranges;
      if (range === undefined) return;
      yield await range.bytes;
      ranges.shift();
      if (range.isSpare) spare.giveBack();
    }
  } finally {
    stop.abort(new Error("the blob is read otherwise, or not at all"));
    for (const { isSpare } of ranges) if (isSpare) spare.giveBack();
    await Promise.allSettled(ranges.map(({ bytes }) => bytes));
  }
}

/** All bytes of a range, in memory of their own. */
async function gathered(source: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let used = 0;
  for await (const chunk of source) {
    bytes.set(chunk, used);
    used += chunk.length;
    free(chunk);
  }
  return bytes.subarray(0, used);
}

/** Give memory back at once that nobody has use for: of what waits for the collection of garbage there would be a hundred megabytes. */
function free({ buffer, byteLength }: Uint8Array): void {
  // Of less than all of it others may have the rest.
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}
