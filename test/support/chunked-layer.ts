import { createHash } from "node:crypto";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { TarHeader } from "../../src/archive/tar-header.ts";
import { TarParser } from "../../src/archive/tar-reader.ts";
import { encodeHeader, endOfArchive, paddingOf } from "../../src/archive/tar-writer.ts";

/** Forms of a layer that can be read in parts; in the lossless one of eStargz, BuildKit's, the archive ends before its table. */
export type ChunkedFormat = "estargz" | "lossless estargz" | "zstd:chunked";

/** A layer in such a form. */
export interface ChunkedLayer {
  /** As it travels. */
  readonly blob: Buffer;
  /** The archive that it decompresses to. */
  readonly archive: Buffer;
  readonly mediaType: string;
  /** Of its descriptor. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** An entry of an archive. */
interface Entry {
  readonly header: TarHeader;
  readonly content: Buffer;
}

const types = {
  file: "reg",
  dir: "dir",
  symlink: "symlink",
  link: "hardlink",
  char: "char",
  block: "block",
  fifo: "fifo",
};

/**
 * Make a layer of an archive as the formats' own tools do: content in chunks that are compressed for themselves.
 *
 * @param chunkSize bytes of content of a chunk
 * @see stargz-snapshotter docs/estargz.md; containers/storage docs/containers-storage-zstd-chunked.md
 */
export function chunkedLayer(archive: Buffer, format: ChunkedFormat, chunkSize: number = 1 << 20): ChunkedLayer {
  const isZstd = format === "zstd:chunked";
  const writer = new Writer(isZstd ? (bytes) => zstdCompressSync(bytes) : (bytes) => gzipSync(bytes));
  const toc: object[] = [];
  for (const { header, content } of entriesOf(archive)) {
    writer.plain(encodeHeader(header));
    const chunks: object[] = [];
    for (let at = 0; at < content.length; at += chunkSize) {
      const bytes = content.subarray(at, at + chunkSize);
      const offset = isZstd ? writer.chunk(bytes) : writer.member(bytes);
      chunks.push({ offset, chunkOffset: at, chunkSize: bytes.length, chunkDigest: digestOf(bytes) });
    }
    writer.plain(Buffer.alloc(paddingOf(content.length)));
    toc.push(...tocEntries({ header, content }, { chunks, end: writer.length, format }));
  }
  const table = Buffer.from(JSON.stringify({ version: 1, entries: toc }));
  if (isZstd) return writer.zstdChunked(table);
  if (format === "lossless estargz") writer.plain(endOfArchive);
  return writer.estargz(table);
}

function tocEntries(
  { header, content }: Entry,
  { chunks, end, format }: { readonly chunks: readonly object[]; readonly end: number; readonly format: ChunkedFormat },
): readonly object[] {
  const text = (bytes: string): string => Buffer.from(bytes, "latin1").toString();
  const { type, mode, uid, gid, mtimeNs, major, minor, xattrs } = header;
  const xattr = Object.fromEntries([...xattrs].map(([name, value]) => [name, value.toString("base64")]));
  const [first, ...rest] = chunks;
  const entry = {
    type: types[type],
    name: text(header.name),
    ...{ mode, uid, gid, devMajor: major, devMinor: minor, size: content.length },
    modtime: new Date(Number(mtimeNs / 1_000_000n)).toISOString(),
    ...(header.linkname === "" ? {} : { linkName: text(header.linkname) }),
    ...(xattrs.size === 0 ? {} : { xattrs: xattr }),
    ...(content.length === 0 ? {} : { digest: digestOf(content) }),
    ...(format === "zstd:chunked" && content.length > 0 ? { endOffset: end } : {}),
    ...first,
  };
  return [entry, ...rest.map((chunk) => ({ type: "chunk", name: text(header.name), ...chunk }))];
}

class Writer {
  readonly #compress: (bytes: Buffer) => Buffer;
  readonly #blob: Buffer[] = [];
  readonly #archive: Buffer[] = [];
  /** What goes into one part, up to the next chunk. */
  #plain: Buffer[] = [];
  length: number = 0;

  constructor(compress: (bytes: Buffer) => Buffer) {
    this.#compress = compress;
  }

  plain(bytes: Buffer): void {
    this.#plain.push(bytes);
    this.#archive.push(bytes);
  }

  /** Begin a part that goes on up to the next chunk. @returns where it begins in the blob */
  member(bytes: Buffer): number {
    this.#flush();
    this.plain(bytes);
    return this.length;
  }

  /** A part for itself. @returns where it begins in the blob */
  chunk(bytes: Buffer): number {
    this.#flush();
    const offset = this.length;
    this.#archive.push(bytes);
    this.#add(this.#compress(bytes));
    return offset;
  }

  estargz(table: Buffer): ChunkedLayer {
    this.#flush();
    const at = this.length;
    const none = { uid: 0, gid: 0, mtimeNs: 0n, linkname: "", major: 0, minor: 0, xattrs: new Map() };
    this.plain(encodeHeader({ name: "stargz.index.json", type: "file", mode: 0, size: table.length, ...none }));
    this.plain(Buffer.concat([table, Buffer.alloc(paddingOf(table.length)), endOfArchive]));
    this.#flush();
    const extra = `SG\x16\0${at.toString(16).padStart(16, "0")}STARGZ`;
    this.#add(Buffer.from(`\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0${extra}\x01\0\0\xff\xff${"\0".repeat(8)}`, "latin1"));
    const annotations = { "containerd.io/snapshot/stargz/toc.digest": digestOf(table) };
    return this.#layer("application/vnd.oci.image.layer.v1.tar+gzip", annotations);
  }

  zstdChunked(table: Buffer): ChunkedLayer {
    this.plain(endOfArchive);
    this.#flush();
    const packed = zstdCompressSync(table);
    const at = this.length + 8;
    this.#add(skippable(packed));
    const position = `${at}:${packed.length}:${table.length}:1`;
    const footer = Buffer.alloc(64);
    for (const [index, value] of [at, packed.length, table.length, 1, 0, 0, 0].entries()) {
      footer.writeBigUInt64LE(BigInt(value), 8 * index);
    }
    footer.write("GNUlInUx", 56);
    this.#add(skippable(footer));
    return this.#layer("application/vnd.oci.image.layer.v1.tar+zstd", {
      "io.github.containers.zstd-chunked.manifest-checksum": digestOf(packed),
      "io.github.containers.zstd-chunked.manifest-position": position,
    });
  }

  #layer(mediaType: string, annotations: Readonly<Record<string, string>>): ChunkedLayer {
    return { blob: Buffer.concat(this.#blob), archive: Buffer.concat(this.#archive), mediaType, annotations };
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#plain);
    this.#plain = [];
    if (bytes.length > 0) this.#add(this.#compress(bytes));
  }

  #add(bytes: Buffer): void {
    this.#blob.push(bytes);
    this.length += bytes.length;
  }
}

/** A frame that decompressors pass over. @see RFC 8878, section 3.1.2 */
function skippable(bytes: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a50, 0);
  head.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

function entriesOf(archive: Buffer): readonly Entry[] {
  const entries: Entry[] = [];
  let header: TarHeader | undefined;
  let pieces: Buffer[] = [];
  const parser = new TarParser({
    entry: (next) => {
      header = next;
      pieces = [];
    },
    data: (chunk) => void pieces.push(Buffer.from(chunk)),
    end: () => {
      if (header !== undefined) entries.push({ header, content: Buffer.concat(pieces) });
    },
  });
  parser.write(archive);
  parser.end();
  return entries;
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
