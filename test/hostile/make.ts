import { paxRecord } from "../../src/archive/pax.ts";
import { blockSize, noXattrs, type TarHeader, type TarType } from "../../src/archive/tar-header.ts";
import { encodeHeader, endOfArchive, paddingOf } from "../../src/archive/tar-writer.ts";

/** What a raw header says; bytes as they are, so that any field can lie. */
interface RawFields {
  readonly name?: string | Buffer;
  readonly flag?: string;
  readonly mode?: string | Buffer;
  readonly uid?: string | Buffer;
  readonly size?: string | Buffer;
  readonly mtime?: string | Buffer;
  readonly link?: string | Buffer;
  readonly major?: string | Buffer;
  /** Instead of the right one. */
  readonly checksum?: string;
  readonly prefix?: string;
  readonly magic?: string;
  /** Bytes put anywhere, by their offset. */
  readonly at?: readonly (readonly [number, Buffer])[];
}

/** A header block with a right checksum, unless told otherwise. */
export function raw(fields: RawFields = {}): Buffer {
  const block = Buffer.alloc(blockSize);
  const put = (at: number, value: string | Buffer): void => void block.set(Buffer.from(value), at);
  put(0, fields.name ?? "a");
  put(100, fields.mode ?? "0000644\0");
  put(108, fields.uid ?? "0000000\0");
  put(116, "0000000\0");
  put(124, fields.size ?? "00000000000\0");
  put(136, fields.mtime ?? "00000000000\0");
  put(156, fields.flag ?? "0");
  put(157, fields.link ?? "");
  put(257, fields.magic ?? "ustar\x0000");
  put(329, fields.major ?? "");
  put(345, fields.prefix ?? "");
  for (const [at, bytes] of fields.at ?? []) put(at, bytes);
  block.fill(32, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, fields.checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** Content, padded to whole blocks. */
export function content(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([bytes, Buffer.alloc(paddingOf(bytes.length))]);
}

const octal = (value: number): string => `${value.toString(8).padStart(11, "0")}\0`;

/** An entry of a special kind (`x`, `g`, `L`, `K`) with its content. */
export function special(flag: string, text: string | Buffer): Buffer {
  return Buffer.concat([raw({ name: "special", flag, size: octal(Buffer.from(text).length) }), content(text)]);
}

/** A PAX header of these records. */
export function pax(records: Readonly<Record<string, string>>, flag: "x" | "g" = "x"): Buffer {
  const lines = Object.entries(records).map(([key, value]) => paxRecord(key, value));
  return special(flag, Buffer.from(lines.join(""), "latin1"));
}

/** An entry as it ought to be. */
export function entry(name: string, type: TarType, text = "", more: Partial<TarHeader> = {}): Buffer {
  const size = type === "file" ? Buffer.byteLength(text) : 0;
  const ids = { uid: 0, gid: 0, mtimeNs: 1_000_000_000n, major: 0, minor: 0, xattrs: noXattrs };
  const mode = type === "dir" ? 0o755 : 0o644;
  const linkname = type === "file" ? "" : text;
  const header = encodeHeader({ ...ids, name, type, mode, size, linkname, ...more });
  return Buffer.concat([header, type === "file" ? content(text) : Buffer.alloc(0)]);
}

/** An archive of these parts, with its end. */
export function archive(...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([...parts, endOfArchive]);
}

/** A size field in base 256. */
export function base256(value: bigint): Buffer {
  const field = Buffer.alloc(12);
  let rest = BigInt.asUintN(96, value);
  for (let i = 11; i >= 0; i--, rest >>= 8n) field[i] = Number(rest & 0xffn);
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
}

/** JSON that is nested `depth` levels deep. */
export function deep(depth: number, open = "[", close = "]", inner = "1"): string {
  return open.repeat(depth) + inner + close.repeat(depth);
}
