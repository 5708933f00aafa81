import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Most bytes that a record unpacks to. */
const most = 64 << 20;

/** UTF-16 units of text that is kept as it is, a build of some fifty steps: to load a compressor takes longer than to write so much. */
const mostPlain = 64 << 10;
/** What a frame of zstd begins with (RFC 8878, section 3.1.1), and no JSON does. */
const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** Values as a row keeps them: lines of JSON, compressed where they are many. */
export function pack(values: readonly unknown[]): Uint8Array {
  const text = values.map((value) => `${JSON.stringify(value)}\n`).join("");
  return text.length > mostPlain ? zstdCompressSync(text) : Buffer.from(text);
}

/** What {@link pack} was given. @throws {Error} for anything else */
export function unpack(bytes: Uint8Array): readonly unknown[] {
  const packed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const isCompressed = packed.subarray(0, zstdMagic.length).equals(zstdMagic);
  const text = (isCompressed ? zstdDecompressSync(packed, { maxOutputLength: most }) : packed).toString("utf8");
  return text.split("\n").flatMap((line): unknown[] => (line === "" ? [] : [JSON.parse(line)]));
}
