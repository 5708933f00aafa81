import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { freeBytes } from "../host/free-bytes.ts";
import { cacheBlob, type RepositoryName, shrinkCache } from "../image/cache-records.ts";
import { collectBlobs } from "../image/collect-blobs.ts";
import { Downloads } from "../image/download.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { ServingDeps } from "./deps.ts";

/** A blob on its way from a registry, for one who reads it. */
export interface Arriving extends Disposable {
  /** Its bytes from the first on, as they come. A piece is good until the next one is asked for. */
  open(): AsyncIterable<Uint8Array>;
  /** Resolves when its bytes have the digest. */
  readonly verified: Promise<void>;
  /** Bytes that are here. */
  readonly length: number;
  /** Have what is kept come to its end, also where nobody reads it any more. */
  finish(): void;
}

/** Blobs that come in, each once, however many read it. What nobody reads any more is given up; the next who asks goes on with it. */
export interface Arrivals extends AsyncDisposable {
  get(name: RepositoryName, blob: Descriptor): Arriving;
}

/** Bytes of a blob that is fetched without waiting for a turn: a config should be there while large layers arrive. */
const small = 1 << 20;

/** Open them for a running cache. */
export function openArrivals(deps: ServingDeps): Arrivals {
  const running = new Map<Digest, Arrival>();
  return {
    get: (name, blob) => {
      const known = running.get(blob.digest);
      if (known !== undefined && !known.isGivenUp) return known.join();
      const arrival = new Arrival(deps, name, blob);
      running.set(blob.digest, arrival);
      void arrival.kept.finally(() => {
        if (running.get(blob.digest) === arrival) running.delete(blob.digest);
      });
      return arrival.join();
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...running.values()].map(({ ended }) => ended));
    },
  };
}

class Arrival {
  /** Resolves when the blob is in the store and recorded, or never will be. */
  readonly kept: Promise<void>;
  /** Resolves when nobody reads it any more, too. */
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();
  readonly #opened = Promise.withResolvers<{ readonly open: () => AsyncIterable<Uint8Array> }>();
  readonly #verified = Promise.withResolvers<void>();
  readonly #unread = Promise.withResolvers<void>();
  #readers = 0;
  #length = 0;
  readonly #fits: boolean;
  /** When somebody last asked for it, milliseconds since the epoch. */
  #asked = 0;

  constructor(deps: ServingDeps, name: RepositoryName, blob: Descriptor) {
    this.#fits = fits(deps, blob);
    const kept = Promise.withResolvers<void>();
    this.kept = kept.promise;
    // Told to those who read.
    this.#opened.promise.catch(() => {});
    this.#verified.promise.catch(() => {});
    this.ended = this.#bring(deps, { name, blob, kept: kept.resolve })
      .catch((error: unknown) => {
        this.#opened.reject(error);
        this.#verified.reject(error);
      })
      .finally(kept.resolve);
  }

  /** True when the last who read it went away before it was here. */
  get isGivenUp(): boolean {
    return this.#stop.signal.aborted;
  }

  join(): Arriving {
    this.#readers++;
    this.#asked = Date.now();
    const opened = this.#opened.promise;
    const length = (): number => this.#length;
    return {
      get length() {
        return length();
      },
      finish: () => {
        if (!this.#fits) return;
        this.#readers++;
        void this.kept.then(() => this.#leave());
      },
      open: async function* () {
        yield* (await opened).open();
      },
      verified: this.#verified.promise,
      [Symbol.dispose]: () => this.#leave(),
    };
  }

  #leave(): void {
    this.#readers--;
    if (this.#readers > 0) return;
    this.#unread.resolve();
    this.#stop.abort(new Error("nobody reads the blob any more"));
  }

  async #bring(
    deps: ServingDeps,
    { name, blob, kept }: { readonly name: RepositoryName; readonly blob: Descriptor; readonly kept: () => void },
  ): Promise<void> {
    const { registries, snapshotter, turns } = deps;
    const { digest } = blob;
    const signal = AbortSignal.any([deps.signal, this.#stop.signal]);
    await using _held = await snapshotter.holdBlob(digest);
    using turn = blob.size <= small ? undefined : await turns.take(name.domain, signal);
    await makeRoom(deps, blob);
    await using downloads = new Downloads(deps, registries.repository(name), {
      signal,
      parallel: 1,
      progress: (_blob, _state, bytes) => {
        this.#length = bytes;
      },
    });
    const arriving = downloads.get(blob);
    this.#opened.resolve(arriving);
    await arriving.arrived;
    turn?.[Symbol.dispose]();
    this.#verified.resolve();
    if (this.#fits) {
      await downloads.keep(digest);
      await record(deps, name, { ...blob, asked: this.#asked });
    }
    kept();
    await this.#unread.promise;
    if (!this.#fits) downloads.drop(digest);
  }
}

/** What is larger than all that may be kept only passes through. */
function fits({ maxSize }: ServingDeps, { size }: Descriptor): boolean {
  return maxSize === undefined || size <= maxSize;
}

async function record(
  deps: ServingDeps,
  name: RepositoryName,
  { digest, size, asked }: Descriptor & { readonly asked: number },
): Promise<void> {
  const { db, uses, maxSize } = deps;
  await db.write((sql) => cacheBlob(sql, name, { digest, size }, asked));
  if (maxSize === undefined) return;
  await uses.flush();
  const forgotten = await db.write((sql) => shrinkCache(sql, maxSize));
  if (forgotten > 0) await collectBlobs(deps);
}

/** Have space on the disk for a blob, if need be by forgetting others. @throws {BerthError} failed-precondition */
async function makeRoom(deps: ServingDeps, { size }: Descriptor): Promise<void> {
  const missing = (): number => {
    return size + limits.freeBytes - freeBytes(deps.host.root);
  };
  const short = missing();
  if (short <= 0) return;
  await deps.uses.flush();
  await deps.db.write((sql) => {
    const total = sql.get<{ total: number }>("SELECT coalesce(sum(size), 0) AS total FROM cached_content")?.total ?? 0;
    shrinkCache(sql, Math.max(0, total - short));
  });
  await collectBlobs(deps);
  if (missing() <= 0) return;
  throw new BerthError("failed-precondition", `write ${deps.host.root}: no space left on device`);
}
