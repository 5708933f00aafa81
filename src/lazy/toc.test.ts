import { expect, test } from "vitest";
import { digestOf } from "../oci/digest.ts";
import { parseToc, type TocEntry } from "./toc.ts";

const end = 1000;
const one = digestOf("one");
const other = digestOf("other");

function parsed(...entries: readonly object[]): readonly TocEntry[] {
  return parseToc(Buffer.from(JSON.stringify({ version: 1, entries })), end);
}

const file = { type: "reg", name: "a", size: 10, offset: 100, chunkDigest: one };

test("an entry says what a tar header says", () => {
  const xattrs = { "user.a": "Yg==", "trusted.overlay.opaque": "eQ==" };
  const modtime = "2001-02-03T04:05:06.000000007Z";
  const [entry] = parsed({ type: "dir", name: "./a/b/", mode: 0o41777, uid: 1, gid: 2, modtime, xattrs });
  expect(entry).toMatchObject({ name: "a/b", kind: "dir", mode: 0o1777, uid: 1, gid: 2, chunks: [] });
  expect(entry?.mtimeNs).toBe(981_173_106_000_000_007n);
  expect(entry?.xattrs).toEqual(new Map([["user.a", Buffer.from("b")]]));
});

test("content is in chunks, which end where the next one begins", () => {
  const [first, second] = parsed(
    { ...file, chunkSize: 6 },
    { type: "chunk", name: "a", offset: 300, chunkOffset: 6, chunkSize: 4, chunkDigest: other, innerOffset: 2 },
    { ...file, name: "b", offset: 400 },
  );
  expect(first?.chunks).toEqual([
    { offset: 100, end: 300, inner: 0, at: 0, size: 6, digest: one },
    { offset: 300, end: 400, inner: 2, at: 6, size: 4, digest: other },
  ]);
  expect(second?.chunks).toEqual([{ offset: 400, end, inner: 0, at: 0, size: 10, digest: one }]);
});

test("a file of one chunk may have the file's digest alone, and zeros need none", () => {
  const [entry, zeros] = parsed(
    { type: "reg", name: "a", size: 10, offset: 100, endOffset: 200, digest: one },
    { type: "reg", name: "z", size: 1 << 30, offset: 500, endOffset: 600, chunkType: "zeros" },
  );
  expect(entry?.chunks).toEqual([{ offset: 100, end: 200, inner: 0, at: 0, size: 10, digest: one }]);
  expect(zeros?.chunks).toMatchObject([{ size: 1 << 30, digest: undefined }]);
});

test.each<[what: string, entry: object, message: RegExp]>([
  ["a name outside of the root", { ...file, name: "../a" }, /outside of the root/],
  ["a name that wasn't UTF-8", { ...file, name: "a\ufffd" }, /isn't UTF-8/],
  ["a name with a NUL", { ...file, name: "a\0b" }, /is no text/],
  ["a part of a name that is too long", { ...file, name: "a".repeat(256) }, /name is too long/],
  ["a type that isn't one", { ...file, type: "socket" }, /is no type/],
  ["a chunk without its file", { type: "chunk", name: "a" }, /is no type/],
  ["content behind the end", { ...file, offset: end }, /of no size/],
  ["content beyond the end", { ...file, offset: end + 1 }, /offset is 1001/],
  ["a negative size", { ...file, size: -1 }, /size is -1/],
  ["a size that is no number", { ...file, size: "1" }, /size is "1"/],
  ["a size beyond all numbers", { ...file, size: 2 ** 60 }, /size is/],
  ["a chunk that is larger than its file", { ...file, chunkSize: 11 }, /of no size/],
  ["a chunk that is too small", { ...file, chunkSize: 9 }, /10 bytes, and parts of 9/],
  ["a chunk that begins later", { ...file, chunkOffset: 1 }, /don't follow each other/],
  ["a chunk that fills the memory", { ...file, size: 1 << 30 }, /has 1073741824 bytes/],
  ["much to skip before a chunk", { ...file, innerOffset: 1 << 30 }, /has 1073741834 bytes/],
  ["content without a checksum", { ...file, chunkDigest: undefined }, /no checksum/],
  ["content with another checksum", { ...file, chunkDigest: "md5:1" }, /no checksum/],
  ["a link to nowhere", { type: "symlink", name: "a" }, /leads nowhere/],
  ["a hard link outside", { type: "hardlink", name: "a", linkName: "../../b" }, /outside of the root/],
  ["no owner that there can be", { ...file, uid: 2 ** 32 }, /uid is/],
  ["no time", { ...file, modtime: "yesterday" }, /modtime is/],
  ["attributes that are none", { ...file, xattrs: { "user.a": 1 } }, /attribute/],
])("%s is refused", (_, entry, message) => {
  expect(() => parsed(entry)).toThrow(message);
});

test.each([
  ["no JSON", "{"],
  ["another version", '{"version":2,"entries":[]}'],
  ["no entries", '{"version":1,"entries":{}}'],
  ["entries that are none", '{"version":1,"entries":[null]}'],
])("a table with %s is refused", (_, text) => {
  expect(() => parseToc(Buffer.from(text), end)).toThrow("the table of contents can't be used");
});
