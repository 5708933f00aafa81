import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import {
  ContentSums,
  checksum,
  differences,
  flippedBit,
  type ManifestEntry,
  ManifestRecorder,
  openManifest,
  readManifest,
} from "./manifest.ts";

const file: ManifestEntry = {
  ...{ path: "a\xff\n", kind: "file", mode: 0o644, uid: 1, gid: 2, size: 3, mtimeNs: -5n, crc: 7 },
  ...{ target: "", device: 0, xattrs: {} },
};
const empty: ManifestEntry = { ...file, path: "e", size: 0, crc: 0 };
const link: ManifestEntry = { ...empty, path: "l", kind: "link", target: "a\xff\n" };
const device: ManifestEntry = { ...empty, path: "d", kind: "char", device: 261 };
const labelled: ManifestEntry = { ...empty, path: "x", xattrs: { "user.a": "AA==" } };

test("a manifest comes back as it was written", async () => {
  const place = scratchOfTest("manifest");
  const path = join(place, "manifest");
  const recorder = new ManifestRecorder();
  const entries = [file, empty, link, device, labelled];
  for (const entry of entries) recorder.add(entry);
  await recorder.write(path);
  expect(await readManifest(path)).toEqual(entries);
  const opened = await openManifest(path);
  expect([...opened, ...opened]).toEqual([...entries, ...entries]);
  writeFileSync(path, "no manifest");
  await expect(readManifest(path)).rejects.toMatchObject({ kind: "data-loss" });
});

test.each<readonly [Partial<ManifestEntry>, readonly string[]]>([
  [{}, []],
  [{ kind: "dir" }, ["dir, not file"]],
  [{ crc: 8 }, ["content"]],
  [{ size: 2, crc: 8 }, ["2 bytes, not 3"]],
  [{ mode: 0o4755, uid: 3 }, ["mode 4755, not 0644", "owner 3:2, not 1:2"]],
  [{ mtimeNs: 0n }, ["modification time"]],
  [{ xattrs: { "user.a": "" } }, ["extended attributes"]],
])("what differs is named: %o", (change, what) => {
  expect(differences(file, { ...file, ...change })).toEqual(what);
});

test.each([0, 1, 7, 8, 100, 4095 * 8, 4096 * 8 - 1])("a flipped bit is found by the checksum: %i", (bit) => {
  const content = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7) & 0xff));
  const expected = { size: content.length, crc: crc32(content) };
  const at = content.length - 1 - (bit >> 3);
  // Within a byte, CRC-32 takes the highest bit last.
  content.writeUInt8(content.readUInt8(at) ^ (0x80 >> (bit & 7)), at);
  expect(flippedBit(expected, crc32(content))).toBe(bit);
  content.writeUInt8(content.readUInt8(9) ^ 3, 9);
  expect(flippedBit(expected, crc32(content))).toBeUndefined();
});

test("the sum of a file that is written in pieces, with holes, is that of the whole", () => {
  const place = scratchOfTest("manifest");
  const whole = Buffer.concat([Buffer.from("one"), Buffer.alloc(100_000), Buffer.from("two"), Buffer.alloc(5)]);
  writeFileSync(join(place, "f"), whole);
  const sums = new ContentSums();
  sums.add("f", Buffer.from("one"), 0);
  sums.add("f", Buffer.from("two"), 100_003);
  expect(sums.get("f", whole.length)).toBe(crc32(whole));
  expect(checksum(join(place, "f"))).toBe(crc32(whole));
  expect(sums.get("g", 0)).toBeUndefined();
  sums.add("hole", Buffer.alloc(0), 70_000);
  expect(sums.get("hole", 70_000)).toBe(crc32(Buffer.alloc(70_000)));
  expect(sums.get("f", 5)).toBeUndefined();
});
