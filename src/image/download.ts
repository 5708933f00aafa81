import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { BerthError } from "../base/errors.ts";
import { lock, tryLock } from "../host/lock.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { Repository } from "../registry/repository.ts";
import { GrowingFile } from "./growing-file.ts";
import type { ImageDeps } from "./images.ts";

/** Where blobs come from: a registry, or an archive, which has nobody else to ask. */
export type BlobReader = Pick<Repository, "blob"> & Partial<Pick<Repository, "distrust">>;

/** What downloads work with. */
export type DownloadDeps = Pick<ImageDeps, "host" | "content">;

/** How far a blob is. */
export type BlobState = "waiting" | "downloading" | "verifying" | "downloaded";

/** What {@link Downloads} takes beside the repository. */
export interface DownloadOptions {
  /** Ends all of them. */
  readonly signal: AbortSignal;
  /** Most blobs at once. */
  readonly parallel: number;
  /** Told how far a blob is: bytes that are here. */
  readonly progress: (blob: Descriptor, state: BlobState, bytes: number) => void;
}

/** A blob that comes in, or is there. */
export interface ArrivingBlob {
  /** Its bytes from the first on, as they come; they are the right ones when it has ended. May be called again. */
  open(): AsyncIterable<Uint8Array>;
  /** Resolves when it is here and verified. */
  readonly arrived: Promise<void>;
}

/**
 * Thrown when bytes turn out to be others that an earlier process left, or that a mirror sent: they are gone by then, and the blob comes
 * whole, and from somebody else, when it is asked for again.
 */
export class StaleDownload extends Error {
  override readonly name: string = "StaleDownload";
}

/** Where blobs arrive: `<root>/downloads/sha256/HEX`. */
export function downloadPath({ root }: { readonly root: string }, digest: Digest): string {
  return join(root, "downloads", "sha256", hexOf(digest));
}

/**
 * Blobs that arrive from a repository, several at once, in the order in which they are asked for. Each is a file that only one
 * process writes at a time; what a process that was killed has left is gone on with. A blob that somebody else brought
 * meanwhile isn't asked for. Whoever starts one holds it (`Snapshotter.holdBlob`).
 */
export class Downloads implements AsyncDisposable {
  readonly #deps: DownloadDeps;
  readonly #repository: BlobReader;
  readonly #options: DownloadOptions;
  readonly #stop = new AbortController();
  readonly #blobs: Map<Digest, Arrival> = new Map();
  readonly #queue: Arrival[] = [];
  #running = 0;

  constructor(deps: DownloadDeps, repository: BlobReader, options: DownloadOptions) {
    this.#deps = deps;
    this.#repository = repository;
    this.#options = { ...options, signal: AbortSignal.any([options.signal, this.#stop.signal]) };
  }

  /** A blob; its download is begun, or waits for others to end. */
  get(blob: Descriptor): ArrivingBlob {
    const known = this.#blobs.get(blob.digest);
    if (known !== undefined) return known;
    const arrival = new Arrival(this.#deps, blob);
    this.#blobs.set(blob.digest, arrival);
    this.#queue.push(arrival);
    if (this.#running === this.#options.parallel) this.#options.progress(blob, "waiting", 0);
    this.#next();
    return arrival;
  }

  /** Make a blob of what has arrived. */
  async keep(digest: Digest): Promise<void> {
    if (!this.#deps.content.has(digest)) await this.#deps.content.adopt(digest, downloadPath(this.#deps.host, digest));
  }

  /** Delete what has arrived and needn't be kept, unless another process has use for it. */
  drop(digest: Digest): void {
    using taken = tryLock(this.#deps.host.syscalls, downloadPath(this.#deps.host, digest), { create: false });
    if (taken !== undefined) rmSync(taken.path, { force: true });
  }

  /** What isn't kept stays where it is, whole or not: the next one goes on with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the download was given up"));
    for (const arrival of this.#blobs.values()) await arrival[Symbol.asyncDispose]();
  }

  #next(): void {
    while (this.#running < this.#options.parallel) {
      const arrival = this.#queue.shift();
      if (arrival === undefined) return;
      this.#running++;
      void arrival.download(this.#repository, this.#options).finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }
}

type Source = () => AsyncIterable<Uint8Array>;

class Arrival implements ArrivingBlob, AsyncDisposable {
  readonly arrived: Promise<void>;
  readonly #deps: DownloadDeps;
  readonly #blob: Descriptor;
  readonly #source = Promise.withResolvers<Source>();
  readonly #end = Promise.withResolvers<void>();
  #download: Promise<void> | undefined;
  #file: GrowingFile | undefined;

  constructor(deps: DownloadDeps, blob: Descriptor) {
    this.#deps = deps;
    this.#blob = blob;
    this.arrived = this.#end.promise;
    // Told to whoever asks.
    this.#end.promise.catch(() => {});
    this.#source.promise.catch(() => {});
  }

  async *open(): AsyncGenerator<Uint8Array> {
    const source = await this.#source.promise;
    yield* source();
  }

  /** Bring the blob in. Failures are told to those who read it. */
  download(repository: BlobReader, options: DownloadOptions): Promise<void> {
    this.#download = this.#arrive(repository, options).then(this.#end.resolve, (error: unknown) => {
      this.#file?.fail(error);
      this.#source.reject(error);
      this.#end.reject(error);
    });
    return this.#download;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#download;
    await this.#file?.[Symbol.asyncDispose]();
  }

  async #arrive(repository: BlobReader, options: DownloadOptions): Promise<void> {
    const { host, content } = this.#deps;
    const { digest, size } = this.#blob;
    using taken = await lock(host.syscalls, downloadPath(host, digest), options);
    if (content.has(digest)) {
      rmSync(taken.path, { force: true });
      this.#source.resolve(() => content.read(digest));
      return options.progress(this.#blob, "downloaded", size);
    }
    const file = await GrowingFile.open(taken.path);
    this.#file = file;
    if (file.length > size) await file.empty();
    const resumed = file.length > 0;
    this.#source.resolve(() => file.read());
    let found: string;
    try {
      found = await this.#bring(repository, file, options);
    } catch (error) {
      // Nothing is nothing to go on with.
      if (file.length === 0) rmSync(taken.path, { force: true });
      throw error;
    }
    options.progress(this.#blob, "verifying", size);
    if (found !== digest || file.length !== size) {
      rmSync(taken.path, { force: true });
      if (resumed || repository.distrust?.(digest) === true)
        throw new StaleDownload(`what came of ${digest} was damaged`);
      throw otherDigest(digest, found);
    }
    file.finish();
    options.progress(this.#blob, "downloaded", size);
  }

  /** Have the file hold all of the blob. @returns the digest of what it holds */
  async #bring(repository: BlobReader, file: GrowingFile, { signal, progress }: DownloadOptions): Promise<string> {
    const hash = createHash("sha256");
    let bytes = file.length;
    progress(this.#blob, "downloading", bytes);
    for await (const piece of file.read(bytes)) {
      signal.throwIfAborted();
      hash.update(piece);
    }
    if (bytes < this.#blob.size) {
      for await (const piece of repository.blob(this.#blob, { offset: bytes, fleeting: true, signal })) {
        const written = file.append(piece);
        hash.update(piece);
        await written;
        bytes += piece.length;
        progress(this.#blob, "downloading", bytes);
      }
    }
    return `sha256:${hash.digest("hex")}`;
  }
}

function otherDigest(digest: Digest, found: string): BerthError {
  return new BerthError("data-loss", `filesystem layer verification failed for digest ${digest}`, {
    hint: `The registry sent bytes with the digest ${found}. Nothing of them was kept.`,
  });
}
