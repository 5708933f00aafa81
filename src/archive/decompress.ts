import { spawn } from "node:child_process";
import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import { BerthError, codeOf, messageOf } from "../base/errors.ts";
import { limits } from "../base/limits.ts";

/** How an archive is compressed. */
export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

/** The bytes that a compressed stream begins with. */
const magics: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];
const longestMagic = 6;

/** Bytes that a decompressor hands over at once. */
const chunkSize = 1 << 18;

/** What `head`, the first bytes of a stream, says of its compression. */
export function compressionOf(head: Uint8Array): Compression {
  const found = magics.find(([, magic]) => magic.every((byte, i) => head[i] === byte));
  return found?.[0] ?? "none";
}

/**
 * The plain bytes of a stream that may be compressed with gzip, zstd, xz or bzip2 (the last two by the programs of
 * those names). The source may use a chunk's memory again as soon as it is asked for the next one.
 *
 * @throws {BerthError} invalid-argument, when the compressed bytes are damaged or cut off, or grow too far; unavailable, when the program isn't installed
 */
export async function* decompress(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head, all } = await peek(source);
  const compression = compressionOf(head);
  if (compression === "none") return yield* all;
  let taken = 0;
  let given = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of all) {
      taken += chunk.length;
      // A copy: what decompresses still reads it when the next one is asked for.
      yield Buffer.from(chunk);
    }
  }
  for await (const chunk of through(counted(), compression)) {
    given += chunk.length;
    if (given > limits.growthFloor && given > taken * limits.growth) throw bomb(compression, { taken, given });
    yield chunk;
  }
}

function through(all: AsyncIterable<Uint8Array>, compression: Exclude<Compression, "none">): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "gzip":
      return throughZlib(all, compression, createGunzip({ chunkSize }));
    case "zstd":
      return throughZlib(
        all,
        compression,
        createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLog } }),
      );
    case "xz":
    case "bzip2":
      return throughProgram(all, compression);
    default:
      return compression satisfies never;
  }
}

/** Memory that xz may take, bytes: its highest preset needs 65 MiB. */
const xzMemory = 192 << 20;

/** The window that a frame may ask for: 128 MiB, as zstd's own default. */
const zstdWindowLog = 27;

async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly head: Uint8Array; readonly all: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Uint8Array = Buffer.alloc(0);
  let ended = false;
  while (head.length < longestMagic && !ended) {
    const next = await iterator.next();
    if (next.done === true) ended = true;
    else head = next.value.length < longestMagic || head.length > 0 ? Buffer.concat([head, next.value]) : next.value;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head;
      if (!ended) yield* { [Symbol.asyncIterator]: () => iterator };
    } finally {
      // Also for whoever needs no more than the head.
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}

async function* throughZlib(
  source: AsyncIterable<Uint8Array>,
  name: Compression,
  transform: Transform,
): AsyncGenerator<Uint8Array> {
  let failure: unknown;
  const fed = pipeline(Readable.from(source), transform).catch((error: unknown) => {
    failure = error;
  });
  try {
    yield* transform;
  } catch (error) {
    failure ??= error;
  }
  await fed;
  if (failure !== undefined) throw damaged(name, failure);
}

async function* throughProgram(source: AsyncIterable<Uint8Array>, program: "xz" | "bzip2"): AsyncGenerator<Uint8Array> {
  const child = spawn(program, program === "xz" ? ["-d", "-c", `--memlimit-decompress=${xzMemory}`] : ["-d", "-c"], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const { promise: exited, resolve } = Promise.withResolvers<{ code: number | null; error?: Error }>();
  child.once("error", (error) => resolve({ code: null, error }));
  child.once("close", (code) => resolve({ code }));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-1000);
  });
  let failure: unknown;
  const fed = pipeline(Readable.from(source), child.stdin).catch((error: unknown) => {
    // A program that stops reading says why by its exit code.
    if (codeOf(error) !== "EPIPE") failure = error;
  });
  try {
    yield* child.stdout;
    const { code, error } = await exited;
    if (codeOf(error) === "ENOENT") throw missing(program, error);
    await fed;
    if (failure !== undefined) throw failure;
    if (code !== 0) throw damaged(program, error ?? new Error(stderr.trim()));
  } finally {
    child.kill();
  }
}

function bomb(name: Compression, { taken, given }: { taken: number; given: number }): BerthError {
  const message = `${name}: ${taken} bytes have grown to ${given}: more than ${limits.growth} times as many`;
  return new BerthError("invalid-argument", message, {
    hint: "Archives that grow without end are made to fill disks. Where you trust it, decompress it yourself first.",
  });
}

function missing(program: "xz" | "bzip2", cause: unknown): BerthError {
  const debian = program === "xz" ? "xz-utils" : "bzip2";
  return new BerthError("unavailable", `exec: "${program}": executable file not found in $PATH`, {
    hint: `The archive is compressed with ${program}: apt-get install ${debian}`,
    cause,
  });
}

/** An error of the source is passed on as it is; one of the decompressor says what is wrong with the bytes. */
function damaged(name: Compression, error: unknown): unknown {
  const code = codeOf(error) ?? "";
  const ours = code.startsWith("Z_") || code.startsWith("ZSTD_") || name === "xz" || name === "bzip2";
  if (!ours) return error;
  const cut = code === "Z_BUF_ERROR" || /unexpected/i.test(messageOf(error));
  const message = cut ? "unexpected EOF" : `${name}: ${messageOf(error)}`;
  return new BerthError("invalid-argument", message, { cause: error });
}
