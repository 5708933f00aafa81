import type { ByteString } from "./byte-string.ts";
import { paxRecord, paxTimeText } from "./pax.ts";
import { blockSize, second, type TarHeader, type TarType } from "./tar-header.ts";

const flags: Readonly<Record<TarType, number>> = {
  file: 0x30,
  link: 0x31,
  symlink: 0x32,
  char: 0x33,
  block: 0x34,
  dir: 0x35,
  fifo: 0x36,
};

/** Largest numbers that the octal fields of a ustar header hold. */
const octal7 = 0o7777777;
const octal11 = 0o77777777777;

// biome-ignore lint/suspicious/noControlCharactersInRegex: all 128 characters of ASCII are meant
const plainName = /^[\x00-\x7f]{0,100}$/;

/** The two zero blocks that end an archive. */
export const endOfArchive: Buffer = Buffer.alloc(2 * blockSize);

/** Bytes of padding after `size` bytes of content. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/**
 * The header of an entry: one ustar block, behind a PAX header where that can't say it all (a name that is no ASCII or
 * over 100 bytes, a fraction of a second, a time before 1970, a large number, extended attributes).
 *
 * The same header always gives the same bytes: user and group names are empty, records are sorted by key.
 */
export function encodeHeader(header: TarHeader): Buffer {
  const name = header.type === "dir" ? `${header.name}/` : header.name;
  const records = recordsOf(header, name);
  const pax = records === "" ? 0 : blockSize + records.length + paddingOf(records.length);
  const buffer = Buffer.alloc(pax + blockSize);
  if (pax > 0) {
    writeBlock(buffer, 0, { ...paxBlock, size: records.length });
    buffer.write(records, blockSize, "latin1");
  }
  const seconds = Number(header.mtimeNs / second);
  writeBlock(buffer, pax, {
    name,
    flag: flags[header.type],
    mode: header.mode,
    uid: field(header.uid, octal7),
    gid: field(header.gid, octal7),
    size: field(header.size, octal11),
    mtime: field(seconds, octal11),
    linkname: header.linkname,
    major: header.major,
    minor: header.minor,
  });
  return buffer;
}

interface Block {
  readonly name: ByteString;
  readonly flag: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly linkname: ByteString;
  readonly major: number;
  readonly minor: number;
}

const paxBlock: Block = {
  name: "PaxHeaders.0/entry",
  flag: 0x78,
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0,
  linkname: "",
  major: 0,
  minor: 0,
};

/** A number that doesn't fit stands in the PAX header, and 0 in its field. */
function field(value: number, limit: number): number {
  return value >= 0 && value <= limit ? value : 0;
}

function recordsOf(header: TarHeader, name: ByteString): ByteString {
  const records: [ByteString, ByteString][] = [];
  for (const [key, value] of header.xattrs) records.push(xattrRecord(key, value));
  if (header.gid > octal7) records.push(["gid", String(header.gid)]);
  if (!plainName.test(header.linkname)) records.push(["linkpath", header.linkname]);
  if (!isPlainTime(header.mtimeNs)) records.push(["mtime", paxTimeText(header.mtimeNs)]);
  if (!plainName.test(name)) records.push(["path", name]);
  if (header.size > octal11) records.push(["size", String(header.size)]);
  if (header.uid > octal7) records.push(["uid", String(header.uid)]);
  if (header.xattrs.size > 1) records.sort(([a], [b]) => (a < b ? -1 : 1));
  return records.map(([key, value]) => paxRecord(key, value)).join("");
}

/** star's form is what Go and GNU tar read; libarchive's is for a name with an equals sign, which would end the key. */
function xattrRecord(name: string, value: Buffer): [ByteString, ByteString] {
  if (name.includes("=")) return [`LIBARCHIVE.xattr.${encodeURIComponent(name)}`, value.toString("base64")];
  return [`SCHILY.xattr.${Buffer.from(name, "utf8").toString("latin1")}`, value.toString("latin1")];
}

function isPlainTime(ns: bigint): boolean {
  return ns >= 0n && ns % second === 0n && ns / second <= octal11;
}

function writeBlock(buffer: Buffer, at: number, block: Block): void {
  buffer.write(block.name, at, 100, "latin1");
  octal(buffer, at + 100, 7, block.mode);
  octal(buffer, at + 108, 7, block.uid);
  octal(buffer, at + 116, 7, block.gid);
  octal(buffer, at + 124, 11, block.size);
  octal(buffer, at + 136, 11, block.mtime);
  buffer[at + 156] = block.flag;
  buffer.write(block.linkname, at + 157, 100, "latin1");
  buffer.write("ustar\x0000", at + 257, "latin1");
  octal(buffer, at + 329, 7, block.major);
  octal(buffer, at + 337, 7, block.minor);
  let sum = 8 * 32;
  for (let i = at; i < at + 345; i++) sum += buffer[i] ?? 0;
  octal(buffer, at + 148, 6, sum);
  buffer[at + 155] = 32;
}

/** `digits` octal digits; the byte after them stays NUL. */
function octal(buffer: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    buffer[i] = 48 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}
