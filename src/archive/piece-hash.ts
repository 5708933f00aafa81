import { createHash } from "node:crypto";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { threadProgram } from "../base/thread-program.ts";

/** What a piece has at most, bytes. */
const pieceSize = 1 << 20;

/** With so many pieces a thread is started: fewer are hashed here before one had begun. */
const most = 16;

/** So many pieces wait for the thread at most: more would no longer be in the processor's cache when their turn comes. */
const ahead = 4;

/**
 * SHA-256 of what comes in pieces. Where they are many, a thread hashes them while the next ones are made, which takes about as long.
 * Disposing it ends the thread.
 */
export class PieceHash implements AsyncDisposable {
  readonly #held: Buffer[] = [];
  readonly #free: Buffer[] = [];
  #thread: HashThread | undefined;

  /** Memory for the next piece. */
  memory(): Buffer {
    return this.#free.pop() ?? Buffer.from(new SharedArrayBuffer(pieceSize));
  }

  /** Add a piece in such memory, full but for the last: it is no longer the caller's. Returns when there is room for another. */
  async update(piece: Buffer): Promise<void> {
    if (this.#thread === undefined) this.#held.push(piece);
    else await this.#thread.hash(piece);
    if (this.#held.length < most) return;
    this.#thread = new HashThread((hashed) => this.#free.push(hashed));
    for (const held of this.#held.splice(0)) await this.#thread.hash(held);
  }

  /** The digest of all, in hex. No piece comes after it. */
  async digest(): Promise<string> {
    if (this.#thread !== undefined) return await this.#thread.digest();
    const hash = createHash("sha256");
    for (const piece of this.#held) hash.update(piece);
    return hash.digest("hex");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread?.end();
  }
}

const program = threadProgram(import.meta.filename, "hash-worker");

class HashThread {
  readonly #worker: Worker = new Worker(program, { execArgv: [] });
  readonly #failure: Promise<never> = new Promise((_, reject) => this.#worker.once("error", reject));
  readonly #waiting: Buffer[] = [];

  constructor(onHashed: (piece: Buffer) => void) {
    // Whoever waits next is told.
    this.#failure.catch(() => undefined);
    this.#worker.on("message", () => {
      const hashed = this.#waiting.shift();
      if (hashed !== undefined) onHashed(hashed);
    });
  }

  async hash(piece: Buffer): Promise<void> {
    this.#waiting.push(piece);
    this.#worker.postMessage(piece);
    while (this.#waiting.length > ahead) await this.#answer();
  }

  async digest(): Promise<string> {
    while (this.#waiting.length > 0) await this.#answer();
    this.#worker.postMessage("digest");
    return String(await this.#answer());
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  async #answer(): Promise<unknown> {
    const [answer] = await Promise.race([once(this.#worker, "message"), this.#failure]);
    return answer;
  }
}
