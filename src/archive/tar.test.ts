import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { paxRecord } from "./pax.ts";
import { readTar } from "./tar-entries.ts";
import { noXattrs, type TarHeader, type TarType } from "./tar-header.ts";
import { TarParser } from "./tar-reader.ts";
import { encodeHeader, endOfArchive, paddingOf } from "./tar-writer.ts";

interface Read {
  readonly header: TarHeader;
  readonly content: Buffer;
}

const base: TarHeader = {
  name: "file",
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeNs: 0n,
  linkname: "",
  major: 0,
  minor: 0,
  xattrs: noXattrs,
};

function archive(...entries: readonly Read[]): Buffer {
  const parts = entries.flatMap(({ header, content }) => [
    encodeHeader(header),
    content,
    Buffer.alloc(paddingOf(content.length)),
  ]);
  return Buffer.concat([...parts, endOfArchive]);
}

/** Read an archive that arrives in chunks of `size` bytes. */
function parse(bytes: Buffer, size = bytes.length): Read[] {
  const entries: { header: TarHeader; content: Buffer }[] = [];
  const parser = new TarParser({
    entry: (header) => entries.push({ header, content: Buffer.alloc(header.size) }),
    data: (chunk, offset) => void chunk.copy(entries.at(-1)?.content ?? Buffer.alloc(0), offset),
    end: () => {},
  });
  for (let at = 0; at < bytes.length; at += size) parser.write(bytes.subarray(at, at + size));
  parser.end();
  return entries;
}

/** A ustar block with the checksum mended after `change`. */
function block(change: (block: Buffer) => void): Buffer {
  const bytes = encodeHeader(base);
  change(bytes);
  bytes.fill(32, 148, 156);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
}

function gnuTar(...args: readonly string[]): Buffer {
  return execFileSync("tar", args, { maxBuffer: 1 << 26 });
}

const bytes = fc.string({
  unit: fc.integer({ min: 1, max: 255 }).map((n) => String.fromCharCode(n)),
  minLength: 1,
  maxLength: 150,
});
const nameText = bytes.map((name) => name.replace(/\/+$/, "x"));
const header: fc.Arbitrary<TarHeader> = fc
  .record({
    name: nameText,
    type: fc.constantFrom<TarType>("file", "dir", "symlink", "link", "char", "block", "fifo"),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 0xfffffffe }),
    gid: fc.integer({ min: 0, max: 0xfffffffe }),
    mtimeNs: fc.bigInt({ min: -(10n ** 19n), max: 10n ** 20n }),
    linkname: bytes,
    major: fc.integer({ min: 0, max: 4095 }),
    minor: fc.integer({ min: 0, max: 1048575 }),
    xattrs: fc
      .array(fc.tuple(fc.string({ minLength: 1, maxLength: 20 }), fc.uint8Array({ maxLength: 80 })))
      .map((list) => new Map(list.map(([key, value]) => [`user.${key.replaceAll("\0", "x")}`, Buffer.from(value)]))),
  })
  .map((entry) => {
    const device = entry.type === "char" || entry.type === "block";
    const link = entry.type === "symlink" || entry.type === "link";
    return {
      ...entry,
      size: 0,
      linkname: link ? entry.linkname : "",
      major: device ? entry.major : 0,
      minor: device ? entry.minor : 0,
    };
  });

describe("an archive", () => {
  test("reads as it was written, however it is cut into chunks", () => {
    const entries = fc.array(
      fc.tuple(header, fc.uint8Array({ maxLength: 2000 })).map(([entry, data]) => {
        const content = Buffer.from(entry.type === "file" ? data : []);
        return { header: { ...entry, size: content.length }, content };
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(entries, fc.integer({ min: 1, max: 3000 }), (list, size) => {
        expect(parse(archive(...list), size)).toEqual(list);
      }),
      { numRuns: 200 },
    );
  });

  test("ends at its zero blocks, whatever follows", () => {
    const bytes = Buffer.concat([archive({ header: base, content: Buffer.alloc(0) }), Buffer.alloc(2000, "x")]);
    expect(parse(bytes).length).toBe(1);
  });

  test("may end without zero blocks", () => {
    expect(parse(encodeHeader(base)).length).toBe(1);
    expect(parse(Buffer.alloc(0))).toEqual([]);
  });

  test("is read entry by entry, and what isn't read is skipped", async () => {
    const content = Buffer.alloc(3000, "b");
    const bytes = archive(
      { header: { ...base, name: "a", size: 3000 }, content: Buffer.alloc(3000, "a") },
      { header: { ...base, name: "b", size: 3000 }, content },
    );
    async function* source(): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
    }
    const names: string[] = [];
    for await (const entry of readTar(source())) {
      names.push(entry.header.name);
      if (entry.header.name === "b") expect(Buffer.concat(await Array.fromAsync(entry.body))).toEqual(content);
    }
    expect(names).toEqual(["a", "b"]);
  });
});

test("whoever stops early is done with the source", async () => {
  let closed = false;
  async function* source(): AsyncGenerator<Buffer> {
    try {
      yield archive({ header: base, content: Buffer.alloc(0) });
    } finally {
      closed = true;
    }
  }
  for await (const { header } of readTar(source())) if (header.name === "file") break;
  expect(closed).toBe(true);
});

describe("a foreign header", () => {
  const field = (offset: number, value: string): Buffer => block((bytes) => void bytes.write(value, offset, "latin1"));

  test.each<[string, Buffer, Partial<TarHeader>]>([
    ["a ustar prefix comes before the name", field(345, "some/dir"), { name: "some/dir/file" }],
    [
      "a GNU header has no prefix",
      block((b) => b.set(Buffer.from("ustar  \0"), 257) ?? b.write("x", 345)),
      { name: "file" },
    ],
    [
      "before ustar, a file with a trailing slash is a directory",
      block((b) => b.set(Buffer.from("old/\0"), 0) ?? b.write("\0", 156)),
      { name: "old", type: "dir" },
    ],
    ["a file with a trailing slash is a file", field(0, "old/"), { name: "old", type: "file" }],
    ["a NUL flag is a file", field(156, "\0"), { type: "file" }],
    ["a contiguous file is a file", field(156, "7"), { type: "file" }],
    ["blanks surround a number", field(108, "   12 \0"), { uid: 10 }],
    ["base-256 holds large numbers", block((b) => b.set([0x80, 0, 0, 0, 0x80, 0, 0, 1], 108)), { uid: 2147483649 }],
    ["base-256 holds times before 1970", block((b) => b.fill(0xff, 136, 148)), { mtimeNs: -1_000_000_000n }],
  ])("%s", (_, bytes, expected) => {
    expect(parse(bytes)[0]?.header).toMatchObject(expected);
  });

  const pax = (flag: string, ...records: readonly string[]): Buffer => {
    const data = Buffer.from(records.join(""), "latin1");
    const head = block((b) => {
      b.write(flag, 156);
      b.write(data.length.toString(8).padStart(11, "0"), 124);
    });
    return Buffer.concat([head, data, Buffer.alloc(paddingOf(data.length))]);
  };

  test("global PAX records are ignored, as Docker does, and must be records", () => {
    const bytes = Buffer.concat([pax("g", "9 uid=77\n", "9 gid=88\n"), encodeHeader(base)]);
    expect(parse(bytes).map(({ header }) => [header.uid, header.gid])).toEqual([[base.uid, base.gid]]);
    expect(() => parse(pax("g", "77 uid=77\n"))).toThrow("invalid tar header");
  });

  test("an empty PAX record is none", () => {
    const bytes = Buffer.concat([pax("x", "7 uid=\n"), encodeHeader(base)]);
    expect(parse(bytes).map(({ header }) => header.uid)).toEqual([base.uid]);
  });

  test("libarchive's attributes are decoded", () => {
    const [entry] = parse(
      Buffer.concat([pax("x", paxRecord("LIBARCHIVE.xattr.user.a%3Db", "aGVsbG8")), encodeHeader(base)]),
    );
    expect(entry?.header.xattrs).toEqual(new Map([["user.a=b", Buffer.from("hello")]]));
  });

  test.each([
    ["an unknown type", field(156, "Z"), 'unhandled tar header type 90 in "file"'],
    ["a wrong checksum", encodeHeader(base).fill(1, 0, 1), "archive/tar: invalid tar header"],
    ["a number with other digits", field(124, "0000000009x"), "archive/tar: invalid tar header"],
    ["a negative size", block((b) => b.fill(0xff, 124, 136)), "archive/tar: invalid tar header"],
    [
      "a PAX record that is longer than its header",
      pax("x", "99 uid=1\n"),
      "archive/tar: invalid tar header: malformed PAX record",
    ],
    ["a PAX record without a length", pax("x", "uid=1\n"), "archive/tar: invalid tar header: malformed PAX record"],
    [
      "a NUL in a name",
      Buffer.concat([pax("x", "12 path=a\0b\n"), encodeHeader(base)]),
      "archive/tar: invalid tar header",
    ],
    [
      "a PAX header beyond all bounds",
      field(124, "77777777777").fill("x", 156, 157),
      "archive/tar: invalid tar header",
    ],
    ["text", Buffer.from("no archive at all ".repeat(60)), "archive/tar: invalid tar header"],
  ])("%s is refused", (_, bytes, message) => {
    expect(() => parse(bytes)).toThrow(BerthError);
    expect(() => parse(bytes)).toThrow(message);
  });

  test("an error says in which entry, or after which", () => {
    const bad = encodeHeader(base).fill(1, 0, 1);
    expect(() => parse(Buffer.concat([encodeHeader({ ...base, name: "good" }), bad]))).toThrow(
      'archive/tar: invalid tar header (after "good")',
    );
    expect(() => parse(field(124, "-"))).toThrow("archive/tar: invalid tar header");
  });

  test.each([1, 511, 512, 600, 1023, 1500, 1700])("an archive that ends after %i bytes is cut off", (length) => {
    const full = archive({ header: { ...base, name: "etc/long", size: 1300 }, content: Buffer.alloc(1300) });
    const where = length < 512 ? "" : ' in "etc/long"';
    if (length === 512) expect(() => parse(full.subarray(0, 512))).toThrow(`unexpected EOF${where}`);
    else expect(() => parse(full.subarray(0, length))).toThrow(`unexpected EOF${where}`);
  });
});

describe("GNU tar", () => {
  const dir = mkdtempSync(join(tmpdir(), "berth-tar-"));
  const long = "d".repeat(120);

  test.each(["gnu", "ustar", "pax", "v7", "oldgnu"])("writes its %s format for us to read", (format) => {
    const name = format === "v7" || format === "ustar" ? "short" : long;
    writeFileSync(join(dir, name), "content");
    const [entry] = parse(gnuTar("-C", dir, `--format=${format}`, "--mtime=@12", "-cf", "-", name));
    expect(entry).toMatchObject({
      header: { name, mtimeNs: 12_000_000_000n, size: 7 },
      content: Buffer.from("content"),
    });
  });

  test.each([
    "--format=gnu",
    "--format=pax --sparse-version=0.0",
    "--format=pax --sparse-version=0.1",
    "--format=pax --sparse-version=1.0",
  ])("writes sparse files with %s for us to read", (options) => {
    const content = Buffer.alloc(1 << 20);
    const fd = openSync(join(dir, "sparse"), "w");
    ftruncateSync(fd, content.length);
    for (let i = 0; i < 12; i++) {
      content.write(`data ${i}`, i * 81920);
      writeSync(fd, `data ${i}`, i * 81920);
    }
    closeSync(fd);
    const archived = gnuTar("-C", dir, "-S", ...options.split(" "), "-cf", "-", "sparse");
    expect(archived.length).toBeLessThan(content.length / 2);
    for (const size of [archived.length, 100]) {
      const [entry] = parse(archived, size);
      expect(entry?.header.name).toBe("sparse");
      expect(entry?.content.equals(content)).toBe(true);
    }
  });

  test("lists what we write", () => {
    const bytes = archive(
      {
        header: { ...base, name: "é\u00ff".repeat(60), size: 3, mtimeNs: 1_500_000_000n },
        content: Buffer.from("abc"),
      },
      { header: { ...base, name: "dir", type: "dir", mode: 0o1777, uid: 3_000_000 }, content: Buffer.alloc(0) },
    );
    const list = execFileSync("tar", ["--numeric-owner", "--quoting-style=escape", "-tvf", "-"], { input: bytes });
    expect(
      list
        .toString("latin1")
        .split("\n")
        .map((line) => line.slice(0, 10)),
    ).toEqual(["-rw-r--r--", "drwxrwxrwt", ""]);
  });

  afterAll(() => rmSync(dir, { recursive: true }));
});
