import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { gunzipSync, zstdCompress, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compress, writerOf } from "./compress.ts";

const block = 1 << 20;

/** Bytes as a layer has them: runs that repeat, near and far, and others that don't. */
function sample(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed + 1;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = at > 40_000 && state % 16 > 2 ? (bytes[at - 33_000] ?? 0) : state >>> 24;
  }
  return bytes;
}

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? block;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function packed(bytes: Buffer, format: "gzip" | "zstd", sizes: readonly number[] = [block]): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(compress(inPieces(bytes, sizes), format)));
}

const unpack = { gzip: gunzipSync, zstd: zstdDecompressSync };
const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Digests by what they depend on. */
const known = {
  gzip: { "gzip 1, zlib 1.3.2.1-motley-285e94b": "dce29541565a24fb600261533092214f0e42cd0f030c63185f24a39a4e1e2074" },
  zstd: { "zstd 1, zstd 1.5.7": "e640d3675f4fb4c25a23003599f209dd9e4abf85d234e39b189eed96fbbb47b0" },
};

describe.each(["gzip", "zstd"] as const)("%s", (format) => {
  test.each([0, 1, block - 1, block, block + 1, 3 * block + 17])("%i bytes come back", async (length) => {
    const bytes = sample(length, length);
    const small = await packed(bytes, format);
    expect(unpack[format](small).equals(bytes)).toBe(true);
    expect(execFileSync(format, ["-dc"], { input: small, maxBuffer: 8 * block }).equals(bytes)).toBe(true);
  });

  test("whoever stops early is done with the source, also while it waits for a reader", async () => {
    let closed = false;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        // Nothing that could be made smaller: what comes out is more than fits.
        for (;;) yield randomBytes(block);
      } finally {
        closed = true;
      }
    }
    for await (const piece of compress(endless(), format)) {
      // As long as the library needs for all that it can do before somebody reads on.
      await promisify(zstdCompress)(randomBytes(16 * block));
      if (piece.length > 100) break;
    }
    expect(closed).toBe(true);
  });

  test("the bytes don't depend on the pieces that the source comes in, nor on whether it uses their memory again", async () => {
    const bytes = sample(block + 4321, 7);
    const expected = digest(await packed(bytes, format));
    const sizes = fc.array(
      fc.oneof(fc.integer({ min: 1000, max: 3 * block }), fc.constantFrom(block, block - 1, 4096)),
      {
        minLength: 1,
        maxLength: 5,
      },
    );
    await fc.assert(
      fc.asyncProperty(sizes, async (list) => {
        const buffer = Buffer.alloc(3 * block);
        async function* reusing(): AsyncGenerator<Buffer> {
          for await (const piece of inPieces(bytes, list)) {
            buffer.fill(0xaa);
            piece.copy(buffer);
            yield buffer.subarray(0, piece.length);
          }
        }
        expect(digest(Buffer.concat(await Array.fromAsync(compress(reusing(), format))))).toBe(expected);
      }),
      { numRuns: 6 },
    );
  });

  // Where the library is another one these are others, and `writerOf` is too.
  test("the bytes are those that every machine has", async () => {
    const found = digest(await packed(sample(3 * block + 17, 3), format));
    expect({ [writerOf(format)]: found }).toEqual(format === "gzip" ? known.gzip : known.zstd);
  });

  test("the bytes don't depend on the number of threads", async () => {
    const bytes = sample(3 * block, 9);
    const program = `import { compress, writerOf } from ${JSON.stringify(new URL("compress.ts", import.meta.url).href)};
      for await (const chunk of compress(process.stdin, ${JSON.stringify(format)})) process.stdout.write(chunk);`;
    for (const threads of ["1", "8"]) {
      const env = { ...process.env, UV_THREADPOOL_SIZE: threads };
      const args = ["--input-type=module", "-e", program];
      const found = execFileSync(process.execPath, args, { input: bytes, env, maxBuffer: 8 * block });
      expect(found.equals(await packed(bytes, format))).toBe(true);
    }
  });

  test("the source is not read far ahead of what is taken, and not to its end when nobody wants more", async () => {
    let given = 0;
    let ended = false;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        for (;;) {
          yield sample(block, given);
          given += 1;
        }
      } finally {
        ended = true;
      }
    }
    let taken = 0;
    for await (const chunk of compress(endless(), format)) {
      taken += chunk.length;
      const ahead = Math.min(availableParallelism(), 16) + 3;
      expect(given * block).toBeLessThanOrEqual(4 * taken + ahead * block);
      if (taken > 2 * block) break;
    }
    expect(ended).toBe(true);
  });

  test("what goes wrong with the source is told as it is", async () => {
    const wrong = new Error("the disk is gone");
    async function* failing(): AsyncGenerator<Buffer> {
      yield sample(block + 5, 3);
      throw wrong;
    }
    await expect(Array.fromAsync(compress(failing(), format))).rejects.toBe(wrong);
  });
});

test("gzip is one member without a name, a time or a system", async () => {
  const bytes = await packed(sample(2 * block, 1), "gzip");
  expect(bytes.subarray(0, 10)).toEqual(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]));
  expect(execFileSync("gzip", ["-lv"], { input: bytes }).toString()).toContain(String(2 * block));
});

// An update of Node may bring another version of a library: that is another writer, and its digests go here.
test.each([
  ["gzip", "gzip 1, zlib 1.3.2.1-motley-285e94b", "693ddc9ce0c90ad28ef55c5c260a792ecd402686f677e922d419ef03cb64280b"],
  ["zstd", "zstd 1, zstd 1.5.7", "e9df8b6eb8865037449e42643cacf44df9bc9a4662596cacf40608281572f404"],
] as const)("one writer of %s makes the same bytes for ever", async (format, writer, expected) => {
  expect(writerOf(format)).toBe(writer);
  expect(digest(await packed(sample(2 * block + 99, 5), format))).toBe(expected);
});
