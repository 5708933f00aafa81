import { execFileSync } from "node:child_process";
import { chmodSync, closeSync, ftruncateSync, lstatSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import { linux } from "../host/syscalls.ts";
import { applyLayer } from "./extract.ts";
import { layerTar, layerWriters } from "./layer-tar.ts";
import { noXattrs, type TarHeader } from "./tar-header.ts";
import { parseTar } from "./tar-reader.ts";
import { encodeHeader, endOfArchive, paddingOf } from "./tar-writer.ts";
import { archiveOf, streamOf } from "./testing.ts";

/** More than eleven octal digits hold: 8 GiB. */
const big = 9 * 2 ** 30 + 3;
const chunk = Buffer.alloc(1 << 22);

const header: TarHeader = {
  ...{ name: "big", type: "file", mode: 0o644, uid: 0, gid: 0, size: big, mtimeNs: 1_000_000_000n },
  ...{ linkname: "", major: 0, minor: 0, xattrs: noXattrs },
};

/** The header of the same file in GNU's older form: the size is a binary number behind a set bit. */
function base256Header(): Buffer {
  const block = archiveOf(["big", "file"]).subarray(0, 512);
  block.fill(0, 124, 136);
  block[124] = 0x80;
  block.writeBigUInt64BE(BigInt(big), 128);
  block.write("        ", 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** A file that ends in `end`, and before it a small one, whole. */
async function* archiveWith(block: Buffer): AsyncGenerator<Buffer> {
  yield archiveOf(["before", "file", "1"]).subarray(0, -endOfArchive.length);
  yield block;
  for (let left = big - 3; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
  yield Buffer.concat([Buffer.from("end"), Buffer.alloc(paddingOf(big))]);
  yield archiveOf(["after", "file", "2"]);
}

function bytesAt(path: string, position: number, length: number): string {
  const file = openSync(path, "r");
  const bytes = Buffer.alloc(length);
  const count = readSync(file, bytes, 0, length, position);
  closeSync(file);
  return bytes.toString("latin1", 0, count);
}

function sparseFile(path: string): void {
  const file = openSync(path, "w");
  ftruncateSync(file, big);
  writeSync(file, "begin", 0);
  writeSync(file, "beyond", 2 ** 33 + 4096);
  writeSync(file, "end", big - 3);
  closeSync(file);
}

describe("a file of more than 8 GiB", () => {
  test.each([
    ["PAX's record", encodeHeader(header)],
    ["a base-256 number", base256Header()],
  ])("is unpacked where its size is %s, and what comes after it", async (_, block) => {
    const root = scratchOfTest("big");
    const options = { syscalls: linux, whiteouts: "overlay" } as const;
    expect(await applyLayer(archiveWith(block), root, options)).toMatchObject({ size: big + 2, intact: true });
    const path = join(root, "big");
    expect(lstatSync(path).size).toBe(big);
    expect(lstatSync(path).blocks).toBeLessThan(100);
    expect(bytesAt(path, big - 4, 10)).toBe("\0end");
    expect(bytesAt(join(root, "after"), 0, 10)).toBe("2");
  });

  test.each(["gnu", "posix --sparse-version=0.0", "posix --sparse-version=0.1", "posix --sparse-version=1.0"])(
    "keeps its holes, as tar writes it: %s",
    async (format) => {
      const root = scratchOfTest("big");
      sparseFile(join(root, "big"));
      const flags = `--sparse --format=${format}`.split(" ");
      const archive = execFileSync("tar", ["-C", root, ...flags, "-cf", "-", "big"]);
      expect(archive.length).toBeLessThan(100_000);
      const there = scratchOfTest("big");
      await applyLayer(streamOf(archive), there, { syscalls: linux, whiteouts: "overlay" });
      const path = join(there, "big");
      expect(lstatSync(path).size).toBe(big);
      expect(lstatSync(path).blocks).toBeLessThan(100);
      expect([bytesAt(path, 0, 6), bytesAt(path, 2 ** 33 + 4096, 7), bytesAt(path, big - 4, 10)]).toEqual([
        "begin\0",
        "beyond\0",
        "\0end",
      ]);
    },
  );

  test("is written with its whole size, which other programs read", async () => {
    const root = scratchOfTest("big");
    // Else it has an entry of its own.
    chmodSync(root, 0o755);
    sparseFile(join(root, "big"));
    let start = Buffer.alloc(0);
    for await (const batch of layerTar(root, { syscalls: linux, writer: layerWriters.taken })) {
      start = Buffer.concat([start, batch]);
      break;
    }
    const sizes: number[] = [];
    const visitor = { entry: ({ size }: TarHeader) => sizes.push(size), data: () => undefined, end: () => undefined };
    await expect(parseTar(streamOf(start, 65536), visitor)).rejects.toThrow("unexpected EOF");
    expect(sizes).toEqual([big]);
    const listed = execFileSync("sh", ["-c", "tar -tv 2>/dev/null || true"], { input: start });
    expect(listed.toString()).toContain(` ${big} `);
  });
});
