import { Worker } from "node:worker_threads";
import type { ProgressEvent } from "../base/operation.ts";
import { receivedError, type SentError } from "../base/sent-error.ts";
import { threadProgram } from "../base/thread-program.ts";
import type { LayerArchive, UnpackedLayer, UnpackOptions, UnpackPlaces } from "./unpack-layer.ts";

/** What a thread is told. The bytes of an archive are numbered by how often it was opened. */
export type ToThread =
  | { readonly kind: "unpack"; readonly places: ApartPlaces; readonly archive: ToldArchive }
  | { readonly kind: "bytes"; readonly opened: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "end"; readonly opened: number }
  | { readonly kind: "broken"; readonly opened: number };

/** What a thread tells. `free` gives the memory of bytes back; `below` says that the lower layers are needed. */
export type FromThread =
  | { readonly kind: "open" }
  | { readonly kind: "free"; readonly memory: ArrayBuffer }
  | { readonly kind: "event"; readonly event: ProgressEvent }
  | { readonly kind: "unpacked" }
  | { readonly kind: "done"; readonly layer: UnpackedLayer }
  | { readonly kind: "below" }
  | { readonly kind: "failed"; readonly error: SentError };

type ToldArchive = Pick<LayerArchive, "diffID" | "name" | "blob">;

/** Where a layer is unpacked without those below it. */
export type ApartPlaces = Omit<UnpackPlaces, "lower">;

/** Unpacks one layer after the other, without what lies below. */
export interface Unpacker {
  /**
   * @returns undefined, when the archive can't be unpacked before the lower layers are there
   * @throws {BerthError} as `unpackLayer` does; whatever the archive's source throws; the signal's reason
   */
  unpack(places: ApartPlaces, archive: LayerArchive, options: UnpackOptions): Promise<UnpackedLayer | undefined>;
}

/** Pieces of an archive that are on their way to a thread at most, and their size, bytes. */
const pieces = 8;
const pieceSize = 1 << 19;

const program = threadProgram(import.meta.filename, "unpack-worker");

/** A thread that does it. The bytes of an archive are fed to it. When a signal stops it, it is gone. */
export class UnpackThread implements Unpacker, AsyncDisposable {
  readonly #worker: Worker = new Worker(program, { execArgv: ["--disable-warning=ExperimentalWarning"] });
  readonly #ended: Promise<unknown> = new Promise((resolve) => this.#worker.once("exit", resolve));

  async unpack(
    places: ApartPlaces,
    archive: LayerArchive,
    { signal, report, onUnpacked }: UnpackOptions,
  ): Promise<UnpackedLayer | undefined> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<UnpackedLayer | undefined>();
    const feeder = new Feeder(this.#worker, archive);
    const take = (message: FromThread): void => {
      if (message.kind === "open") feeder.open();
      else if (message.kind === "free") feeder.free(message.memory);
      else if (message.kind === "event") report?.(message.event);
      else if (message.kind === "unpacked") onUnpacked?.();
      else if (message.kind === "done") resolve(message.layer);
      else if (message.kind === "below") resolve(undefined);
      else reject(feeder.failure ?? receivedError(message.error));
    };
    const stop = (): void => void this.#worker.terminate();
    this.#worker.on("message", take).once("error", reject);
    signal?.addEventListener("abort", stop, { once: true });
    void this.#ended.then(() => reject(signal?.reason ?? new Error("a thread that unpacks layers has ended")));
    try {
      const { diffID, name, blob } = archive;
      const told = blob === undefined ? { diffID, name } : { diffID, name, blob };
      this.#worker.postMessage({ kind: "unpack", places, archive: told } satisfies ToThread);
      return await promise;
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#worker.off("message", take).off("error", reject);
      await feeder.stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Sends an archive to a thread, piece by piece, in memory that goes to and fro. */
class Feeder {
  /** What the archive's source has thrown. */
  failure: unknown;
  readonly #worker: Worker;
  readonly #archive: LayerArchive;
  readonly #memory: ArrayBuffer[] = Array.from({ length: pieces }, () => new ArrayBuffer(pieceSize));
  #wake: () => void = () => {};
  #opened = 0;
  #feeding: Promise<void> = Promise.resolve();

  constructor(worker: Worker, archive: LayerArchive) {
    this.#worker = worker;
    this.#archive = archive;
  }

  open(): void {
    const opened = ++this.#opened;
    this.#wake();
    this.#feeding = this.#feeding.then(() => this.#feed(opened));
  }

  free(memory: ArrayBuffer): void {
    this.#memory.push(memory);
    this.#wake();
  }

  /** Send no more, and let go of the archive. */
  async stop(): Promise<void> {
    this.#opened = Number.POSITIVE_INFINITY;
    this.#wake();
    await this.#feeding;
  }

  async #feed(opened: number): Promise<void> {
    try {
      for await (const chunk of this.#archive.open()) {
        for (let at = 0; at < chunk.length; at += pieceSize) {
          const memory = await this.#free(opened);
          if (memory === undefined) return;
          const piece = chunk.subarray(at, at + pieceSize);
          const bytes = new Uint8Array(memory, 0, piece.length);
          bytes.set(piece);
          this.#send({ kind: "bytes", opened, bytes }, [memory]);
        }
      }
      this.#send({ kind: "end", opened });
    } catch (error) {
      if (opened !== this.#opened) return;
      this.failure = error;
      this.#send({ kind: "broken", opened });
    }
  }

  /** Memory for a piece; undefined when the archive isn't read any more. */
  async #free(opened: number): Promise<ArrayBuffer | undefined> {
    while (opened === this.#opened) {
      const memory = this.#memory.pop();
      if (memory !== undefined) return memory;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return undefined;
  }

  #send(message: ToThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, [...transfer]);
  }
}
