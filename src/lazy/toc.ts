import { type ByteString, bytesOf } from "../archive/byte-string.ts";
import { cleanName } from "../archive/safe-path.ts";
import { noXattrs } from "../archive/tar-header.ts";
import { parseXattrs } from "../archive/xattrs.ts";
import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type Digest, isDigest } from "../oci/digest.ts";

/** A part of a file that is compressed and checked for itself. */
export interface Chunk {
  /** Where the compressed bytes begin in the blob that it is in, and where they end at the latest. */
  readonly offset: number;
  readonly end: number;
  /** Bytes that are decompressed before its first one. */
  readonly inner: number;
  /** Where it lies in the file, and how many bytes it has. */
  readonly at: number;
  readonly size: number;
  /** Of its bytes; undefined for nothing but zeros. */
  readonly digest: Digest | undefined;
}

/** What an entry is. */
export type TocKind = "file" | "dir" | "symlink" | "link" | "char" | "block" | "fifo";

/** An entry of a layer's table of contents: what a tar header says, and where the content is. */
export interface TocEntry {
  /** Clean, relative to the root; `""` for itself. */
  readonly name: ByteString;
  readonly kind: TocKind;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  readonly size: number;
  /** What a symbolic link says; for a hard link the clean name of the file. */
  readonly linkname: ByteString;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Buffer>;
  /** Of a file with content, all of it, in order. */
  readonly chunks: readonly Chunk[];
}

/**
 * Read a table of contents: the JSON that eStargz and zstd:chunked share.
 *
 * What a started container would see differently than after an ordinary pull is refused: names that aren't UTF-8, which JSON can't
 * hold.
 *
 * @param end where content ends in the blob
 * @throws {BerthError} invalid-argument
 * @see stargz-snapshotter docs/estargz.md, TOCEntry; containers/storage docs/containers-storage-zstd-chunked.md
 */
export function parseToc(json: Uint8Array, end: number): readonly TocEntry[] {
  if (json.length > limits.toc) throw malformed(`it has ${json.length} bytes`);
  const root = parsed(json);
  if (root["version"] !== 1 || !Array.isArray(root["entries"])) throw malformed("it is of no known version");
  const raw = root["entries"].map(objectOf);
  if (raw.length > limits.files) throw malformed(`it has ${raw.length} entries`);
  const ends = endsOf(raw, end);
  const entries: TocEntry[] = [];
  for (let at = 0; at < raw.length; ) {
    const first = raw[at] ?? {};
    let next = at + 1;
    while (raw[next]?.["type"] === "chunk") next++;
    entries.push(entryOf(first, raw.slice(at, next), ends));
    at = next;
  }
  return entries;
}

type Raw = Readonly<Record<string, unknown>>;
type Ends = (offset: number) => number;

/** Most bytes of one part of a name: NAME_MAX. */
const longestPart = 255;

const kinds: Readonly<Record<string, TocKind>> = {
  reg: "file",
  dir: "dir",
  symlink: "symlink",
  hardlink: "link",
  char: "char",
  block: "block",
  fifo: "fifo",
};

function parsed(json: Uint8Array): Raw {
  try {
    return objectOf(JSON.parse(Buffer.from(json).toString()));
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed("it is no JSON");
    throw error;
  }
}

function objectOf(value: unknown): Raw {
  if (typeof value !== "object" || value === null) throw malformed("an entry is no object");
  return value as Raw;
}

function entryOf(raw: Raw, parts: readonly Raw[], ends: Ends): TocEntry {
  const kind = kinds[textIn(raw, "type")];
  if (kind === undefined) throw malformed(`${JSON.stringify(raw["type"])} is no type of a file`);
  const name = nameIn(raw, "name");
  if (parts.length > 1 && kind !== "file") throw malformed(`${name} has content`);
  const size = kind === "file" ? integerIn(raw, "size") : 0;
  const entry = {
    name,
    kind,
    mode: integerIn(raw, "mode") & 0o7777,
    uid: integerIn(raw, "uid", 0xfffffffe),
    gid: integerIn(raw, "gid", 0xfffffffe),
    mtimeNs: timeIn(raw, "modtime"),
    size,
    linkname: linkOf(raw, kind),
    major: integerIn(raw, "devMajor", 0xfff),
    minor: integerIn(raw, "devMinor", 0xfffff),
    xattrs: xattrsIn(raw),
  };
  return { ...entry, chunks: size === 0 ? [] : chunksOf({ name, size, digest: raw["digest"] }, parts, ends) };
}

function linkOf(raw: Raw, kind: TocKind): ByteString {
  if (kind === "link") return nameIn(raw, "linkName");
  if (kind !== "symlink") return "";
  const link = textIn(raw, "linkName");
  if (link === "" || link.length > limits.name) throw malformed("a symbolic link leads nowhere");
  return bytesOf(link);
}

interface Content {
  readonly name: ByteString;
  readonly size: number;
  readonly digest: unknown;
}

function chunksOf({ name, size, digest }: Content, parts: readonly Raw[], ends: Ends): readonly Chunk[] {
  let at = 0;
  const chunks = parts.map((part): Chunk => {
    const offset = integerIn(part, "offset");
    const bytes = integerIn(part, "chunkSize") || size - at;
    const place = { offset, end: ends(offset), at, size: bytes };
    if (integerIn(part, "chunkOffset") !== at) throw malformed(`the parts of ${name} don't follow each other`);
    if (bytes <= 0 || at + bytes > size || place.end <= offset) throw malformed(`a part of ${name} is of no size`);
    at += bytes;
    if (part["chunkType"] === "zeros") return { ...place, inner: 0, digest: undefined };
    const inner = integerIn(part, "innerOffset");
    if (inner + bytes > limits.chunk) throw malformed(`a part of ${name} has ${inner + bytes} bytes`);
    return {
      ...place,
      inner,
      digest: digestIn(part["chunkDigest"] ?? (parts.length === 1 ? digest : undefined), name),
    };
  });
  if (at !== size) throw malformed(`${name} has ${size} bytes, and parts of ${at}`);
  return chunks;
}

function digestIn(value: unknown, name: ByteString): Digest {
  if (typeof value === "string" && isDigest(value)) return value;
  throw malformed(`a part of ${name} has no checksum`);
}

/** What follows a chunk in the blob is the next one that begins behind it, or the end of its file where that is said. */
function endsOf(raw: readonly Raw[], end: number): Ends {
  const offsets = new Set<number>([end]);
  for (const entry of raw) {
    if (entry["offset"] !== undefined) offsets.add(integerIn(entry, "offset", end));
    if (entry["endOffset"] !== undefined) offsets.add(integerIn(entry, "endOffset", end));
  }
  const sorted = [...offsets].sort((a, b) => a - b);
  const next = new Map(sorted.map((offset, index) => [offset, sorted[index + 1] ?? offset]));
  return (offset) => next.get(offset) ?? offset;
}

function textIn(raw: Raw, key: string): string {
  const value = raw[key] ?? "";
  if (typeof value !== "string" || value.includes("\0")) throw malformed(`${key} is no text`);
  // Go writes U+FFFD for bytes that JSON can't hold.
  if (value.includes("\ufffd")) throw malformed(`the ${key} ${JSON.stringify(value)} isn't UTF-8`);
  return value;
}

function nameIn(raw: Raw, key: string): ByteString {
  const name = cleanName(bytesOf(textIn(raw, key)));
  if (name.split("/").some((part) => part.length > longestPart)) throw malformed("a name is too long");
  return name;
}

function integerIn(raw: Raw, key: string, most: number = Number.MAX_SAFE_INTEGER): number {
  const value = raw[key] ?? 0;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > most) {
    throw malformed(`${key} is ${JSON.stringify(value)}`);
  }
  return value;
}

/** RFC 3339 to nanoseconds since the epoch; 0 where nothing is said. */
function timeIn(raw: Raw, key: string): bigint {
  const text = textIn(raw, key);
  if (text === "") return 0n;
  const [, whole = "", fraction = "", zone = ""] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const milliseconds = Date.parse(whole + zone);
  if (Number.isNaN(milliseconds)) throw malformed(`${key} is ${JSON.stringify(text)}`);
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0") || "0");
}

function xattrsIn(raw: Raw): ReadonlyMap<string, Buffer> {
  const value = raw["xattrs"];
  if (value === undefined || value === null) return noXattrs;
  const pairs = Object.entries(objectOf(value));
  const isGood = ([name, each]: readonly [string, unknown]): boolean =>
    name !== "" &&
    !name.includes("\0") &&
    name.length <= longestPart &&
    typeof each === "string" &&
    each.length < 88_000;
  if (!pairs.every(isGood)) throw malformed("an extended attribute is no text");
  return parseXattrs(Object.fromEntries(pairs) as Record<string, string>);
}

function malformed(what: string): BerthError {
  return new BerthError("invalid-argument", `the table of contents can't be used: ${what}`);
}
