import { execFileSync } from "node:child_process";
import { deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, expect, test, vi } from "vitest";
import { decompress } from "./decompress.ts";

const plain = Buffer.from("some text that is worth compressing. ".repeat(20_000));
const program = (name: string): Buffer => execFileSync(name, ["-c"], { input: plain, maxBuffer: 1 << 24 });

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function through(bytes: Buffer, size = 1000): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(decompress(inPieces(bytes, size))));
}

const compressed: readonly (readonly [string, Buffer])[] = [
  ["gzip", gzipSync(plain)],
  ["zstd", zstdCompressSync(plain)],
  ["xz", program("xz")],
  ["bzip2", program("bzip2")],
];

afterEach(() => {
  vi.unstubAllEnvs();
});

test.each(compressed)("%s is recognised and decompressed, also when it comes byte by byte", async (_, bytes) => {
  expect((await through(bytes)).equals(plain)).toBe(true);
  expect((await through(bytes, 1)).equals(plain)).toBe(true);
});

test.each(compressed)("%s in several members is one stream", async (_, bytes) => {
  const twice = await through(Buffer.concat([bytes, bytes]));
  expect(twice.equals(Buffer.concat([plain, plain]))).toBe(true);
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["less than a magic number", Buffer.from("hi")],
  ["plain bytes", plain],
])("%s passes as it is", async (_, bytes) => {
  expect((await through(bytes)).equals(bytes)).toBe(true);
});

test.each(compressed)("%s that is cut off is an unexpected EOF", async (_, bytes) => {
  await expect(through(bytes.subarray(0, bytes.length - 12))).rejects.toThrow("unexpected EOF");
});

test("damaged bytes are refused with the compression's name", async () => {
  const damaged = Buffer.concat([gzipSync(plain).subarray(0, 10), deflateRawSync(plain).fill(0xff, 20, 60)]);
  await expect(through(damaged)).rejects.toThrow(/^gzip: /);
});

test("a missing program is named, with what to install", async () => {
  vi.stubEnv("PATH", "/nowhere");
  const failure = through(compressed[2]?.[1] ?? plain);
  await expect(failure).rejects.toMatchObject({
    kind: "unavailable",
    message: 'exec: "xz": executable file not found in $PATH',
    hint: "The archive is compressed with xz: apt-get install xz-utils",
  });
});

test("an error of the source comes through", async () => {
  async function* broken(): AsyncGenerator<Buffer> {
    yield gzipSync(plain).subarray(0, 100);
    throw new Error("the disk is gone");
  }
  await expect(Array.fromAsync(decompress(broken()))).rejects.toThrow("the disk is gone");
});

test("a reader that stops early stops the source", async () => {
  let closed = false;
  async function* endless(): AsyncGenerator<Buffer> {
    try {
      for (;;) yield compressed[2]?.[1] ?? plain;
    } finally {
      closed = true;
    }
  }
  for await (const _ of decompress(endless())) break;
  await vi.waitFor(() => expect(closed).toBe(true));
});

test.each([plain, gzipSync(plain)])("the source is closed when no more than its beginning is wanted", async (bytes) => {
  let closed = false;
  const source = async function* (): AsyncGenerator<Buffer> {
    try {
      yield* inPieces(bytes, 100);
    } finally {
      closed = true;
    }
  };
  for await (const _chunk of decompress(source())) break;
  expect(closed).toBe(true);
});
