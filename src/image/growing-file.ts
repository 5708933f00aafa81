import { type FileHandle, open } from "node:fs/promises";

/** Bytes that a reader gets at once, at most. */
const readSize = 1 << 18;

/** A file that one writes at its end while others read it from its start. */
export class GrowingFile implements AsyncDisposable {
  readonly #file: FileHandle;
  /** Bytes that are there to be read. */
  #length: number;
  #writing: Promise<unknown> | undefined;
  #end: { readonly error?: unknown } | undefined;
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  private constructor(file: FileHandle, length: number) {
    this.#file = file;
    this.#length = length;
  }

  /** Open a file that is there, with what it has. */
  static async open(path: string): Promise<GrowingFile> {
    const file = await open(path, "r+");
    return new GrowingFile(file, (await file.stat()).size);
  }

  /** Bytes that can be read so far. */
  get length(): number {
    return this.#length;
  }

  /** Give up what is there. No one may read yet. */
  async empty(): Promise<void> {
    await this.#file.truncate(0);
    this.#length = 0;
  }

  /** Write bytes at the end. One piece at a time. @throws what writing came to */
  async append(bytes: Uint8Array): Promise<void> {
    this.#throwFailure();
    this.#writing = this.#write(bytes);
    await this.#writing;
    this.#throwFailure();
  }

  /** Say that nothing more comes. */
  finish(): void {
    this.#end ??= {};
    this.#tell();
  }

  /** Have everybody who reads fail. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#tell();
  }

  /**
   * The bytes from the start on, to the end that {@link finish} tells or the first `most` of them. A piece is good until the next
   * one is asked for.
   */
  async *read(most: number = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(readSize);
    for (let at = 0; at < most; ) {
      this.#throwFailure();
      const size = Math.min(this.#length - at, most - at, readSize);
      if (size > 0) {
        const { bytesRead } = await this.#file.read(buffer, 0, size, at);
        if (bytesRead === 0) throw new Error("a file has shrunk while it was read");
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      } else if (this.#end === undefined) await this.#changed.promise;
      else return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.fail(new Error("the file was closed while it was read"));
    await this.#writing;
    await this.#file.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#file.write(bytes, done, bytes.length - done, this.#length + done)).bytesWritten;
      }
      this.#length += bytes.length;
      this.#tell();
    } catch (error) {
      this.fail(error);
    }
  }

  #throwFailure(): void {
    if (this.#end !== undefined && "error" in this.#end) throw this.#end.error;
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
