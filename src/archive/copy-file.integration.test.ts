import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { linux } from "../host/syscalls.ts";
import { bytesOf } from "./byte-string.ts";
import { copyFile, type FileCopy } from "./copy-file.ts";

const mebibyte = 1 << 20;
let base = "";
let from = "";
let to = "";

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "berth-copy-file-"));
  from = join(base, "from");
  to = join(base, "to");
});

afterEach(() => rmSync(base, { recursive: true }));

/** Copy the file at `from`. @returns how often others got a turn */
function copy(fields: Partial<FileCopy> = {}): number {
  const { size } = lstatSync(from);
  const attributes = { uid: 0, gid: 0, mode: 0o644, atimeNs: 1n, mtimeNs: 2n, xattrs: new Map<string, Buffer>() };
  return [...copyFile(linux, { from: bytesOf(from), to: bytesOf(to), size, ...attributes, ...fields })].length;
}

test("a copy has the attributes that it is to have, setuid after the owner, whatever its directory and the umask say", () => {
  writeFileSync(from, "text");
  const directory = join(base, "setgid");
  mkdirSync(directory);
  chownSync(directory, 0, 77);
  chmodSync(directory, 0o2777);
  to = join(directory, "to");
  const xattrs = new Map([["user.note", Buffer.from("hi")]]);
  copy({ uid: 3, mode: 0o6777, atimeNs: -1n, mtimeNs: 1_700_000_000_123_456_789n, xattrs });
  const stats = lstatSync(to, { bigint: true });
  expect([stats.uid, stats.gid, stats.mode, stats.atimeNs, stats.mtimeNs]).toEqual([
    3n,
    0n,
    0o106777n,
    -1n,
    1_700_000_000_123_456_789n,
  ]);
  expect(linux.lgetxattr(to, "user.note")?.toString()).toBe("hi");
  expect(readFileSync(to, "utf8")).toBe("text");
});

test.each([
  ["an empty file", [], 0],
  ["text and then zeroes", ["x".repeat(mebibyte + 1), "\0".repeat(2 * mebibyte)], 3 * mebibyte],
  ["zeroes and then text", ["\0".repeat(2 * mebibyte), "end"], mebibyte],
  ["many pieces", ["0123456789abcdef".repeat(mebibyte + 1)], 17 * mebibyte],
])("the content is the same: %s", (_, parts, mostOnDisk) => {
  const text = parts.join("");
  writeFileSync(from, text);
  const turns = copy();
  expect(readFileSync(to, "utf8") === text).toBe(true);
  expect(lstatSync(to).blocks * 512).toBeLessThanOrEqual(mostOnDisk);
  // Where the file system shares bytes, nothing is waited for.
  expect([0, Math.floor(text.length / (16 * mebibyte))]).toContain(turns);
});

test("a file that has grown or shrunk since it was looked at is copied as it is", () => {
  writeFileSync(from, "longer than it was");
  copy({ size: 3 });
  expect(readFileSync(to, "utf8")).toBe("longer than it was");
  rmSync(to);
  truncateSync(from, 6);
  copy({ size: 18 });
  expect(readFileSync(to, "utf8")).toBe("longer");
});

test.each([
  ["small", 1],
  ["large", 3 * mebibyte],
])("what is in the way of a %s file stays", (_, size) => {
  writeFileSync(from, "x".repeat(size));
  writeFileSync(to, "kept");
  expect(() => copy()).toThrow("EEXIST");
  expect(readFileSync(to, "utf8")).toBe("kept");
});
