import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Most bytes that a record unpacks to. */
const most = 64 << 20;

/** Values as a row keeps them, compressed. */
export function pack(values: readonly unknown[]): Uint8Array {
  return zstdCompressSync(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
}

/** What {@link pack} was given. @throws {Error} for anything else */
export function unpack(bytes: Uint8Array): readonly unknown[] {
  const text = zstdDecompressSync(bytes, { maxOutputLength: most }).toString("utf8");
  return text.split("\n").flatMap((line): unknown[] => (line === "" ? [] : [JSON.parse(line)]));
}
