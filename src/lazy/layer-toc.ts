import { decompress } from "../archive/decompress.ts";
import type { TarHeader } from "../archive/tar-header.ts";
import { parseTar } from "../archive/tar-reader.ts";
import { BerthError, isKind, messageOf } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { digestOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import { one } from "../registry/bytes.ts";
import type { Repository } from "../registry/repository.ts";
import { parseToc, type TocEntry } from "./toc.ts";

/** What a layer's table of contents says. */
export interface LayerToc {
  readonly compression: "gzip" | "zstd";
  readonly entries: readonly TocEntry[];
  /** Content of files that isn't in chunks: eStargz's own table, which is a file as well where the archive goes on to it. */
  readonly whole: ReadonlyMap<TocEntry, Buffer>;
}

/** Where blobs come from, and what stops it. */
export interface TocSource extends Operation {
  readonly repository: Pick<Repository, "blob">;
}

/**
 * Fetch a layer's table of contents, checked by the digest that the manifest has of it.
 *
 * @returns undefined for a layer that has none
 * @throws {BerthError} as `Repository.blob`; invalid-argument, for one that can't be used; data-loss, for one of another digest
 */
export async function readLayerToc(source: TocSource, layer: Descriptor): Promise<LayerToc | undefined> {
  const { annotations } = layer;
  const estargz = annotations?.[estargzDigest];
  if (estargz !== undefined) return await readEstargz(source, layer, estargz);
  for (const prefix of zstdPrefixes) {
    const position = annotations?.[`${prefix}.manifest-position`];
    const checksum = annotations?.[`${prefix}.manifest-checksum`];
    if (position !== undefined && checksum !== undefined) {
      return await readZstdChunked(source, layer, { position, checksum });
    }
  }
  return undefined;
}

/** @see stargz-snapshotter docs/estargz.md: of the table's JSON */
const estargzDigest = "containerd.io/snapshot/stargz/toc.digest";
/** Of annotations; the second is that of Podman before 4.4. @see containers/storage docs/containers-storage-zstd-chunked.md */
const zstdPrefixes = ["io.github.containers.zstd-chunked", "io.containers.zstd-chunked"];

/** The name of eStargz's table in its archive. */
const tocName = "stargz.index.json";

/** Bytes at the end of an eStargz blob that hold a footer and most tables. */
const tailSize = 128 << 10;

/** How eStargz's footer begins, an empty gzip member with an extra field, and how the older one does, whose field has no name. */
const footers = [
  { size: 51, begin: Buffer.from([0x1f, 0x8b, 8, 4]), field: Buffer.from([26, 0, 0x53, 0x47, 22, 0]) },
  { size: 47, begin: Buffer.from([0x1f, 0x8b, 8, 4]), field: Buffer.from([22, 0]) },
];

/** Where the extra field of a gzip member begins. @see RFC 1952, section 2.3 */
const extraField = 10;

async function readEstargz(source: TocSource, layer: Descriptor, digest: string): Promise<LayerToc> {
  const { size } = layer;
  let tail = await part(source, layer, [Math.max(0, size - tailSize), size]);
  const offset = tocOffset(tail);
  if (offset === undefined || offset >= size) throw unusable("the layer has no footer of eStargz");
  if (size - offset > limits.toc) throw unusable(`it has ${size - offset} bytes`);
  tail = await extended(source, layer, { tail, offset });
  const { header, json } = await tableIn(tail.subarray(tail.length - (size - offset)));
  if (digestOf(json) !== digest) throw wrong(layer);
  const listed = parseToc(json, offset);
  const last = lastContent(listed);
  if (offset - last.offset > limits.chunk) throw unusable(`${offset - last.offset} bytes before it belong together`);
  tail = await extended(source, layer, { tail, offset: last.offset });
  const end = tail.subarray(tail.length - (size - last.offset), tail.length - (size - offset));
  // As BuildKit writes it: an unpacker is done before it comes to the table.
  if (await endsArchive(end, last.size)) return { compression: "gzip", entries: listed, whole: new Map() };
  const own: TocEntry = {
    ...{ name: tocName, kind: "file", mode: header.mode, uid: header.uid, gid: header.gid, mtimeNs: header.mtimeNs },
    ...{ size: json.length, linkname: "", major: 0, minor: 0, xattrs: header.xattrs, chunks: [] },
  };
  return { compression: "gzip", entries: [...listed, own], whole: new Map([[own, json]]) };
}

/** The end of a blob that is here, with what is missing from `offset` on. */
async function extended(
  source: TocSource,
  layer: Descriptor,
  { tail, offset }: { readonly tail: Buffer; readonly offset: number },
): Promise<Buffer> {
  const begin = layer.size - tail.length;
  return offset < begin ? Buffer.concat([await part(source, layer, [offset, begin]), tail]) : tail;
}

/** Where the gzip member with the last content begins, and how many bytes it has up to the end of that content. */
function lastContent(entries: readonly TocEntry[]): { readonly offset: number; readonly size: number } {
  let found = { offset: 0, size: 0 };
  for (const { offset, inner, size } of entries.flatMap(({ chunks }) => chunks)) {
    if (offset > found.offset || (offset === found.offset && inner + size > found.size)) {
      found = { offset, size: inner + size };
    }
  }
  return found;
}

/** Zeros that end an archive: two blocks. What fills a file's last block is less than one. */
const endSize = 1024;

/** Whether what is packed ends with the end of an archive. @param skipped bytes of content before what tells */
async function endsArchive(packed: Buffer, skipped: number): Promise<boolean> {
  let left = skipped;
  let zeros = 0;
  for await (const piece of unpacked(packed)) {
    const rest = piece.subarray(left);
    left -= piece.length - rest.length;
    const last = rest.findLastIndex((byte) => byte !== 0);
    zeros = last < 0 ? zeros + rest.length : rest.length - 1 - last;
  }
  return zeros >= endSize;
}

/** Where the table begins, as a footer says in its extra field, in hexadecimal digits. */
function tocOffset(tail: Buffer): number | undefined {
  for (const { size, begin, field } of footers) {
    const footer = tail.subarray(-size);
    const isFooter = footer.indexOf(begin) === 0 && footer.indexOf(field) === extraField;
    const [, digits] = /^([0-9a-f]{16})STARGZ/.exec(footer.toString("latin1", extraField + field.length)) ?? [];
    const offset = Number.parseInt(digits ?? "", 16);
    if (isFooter && Number.isSafeInteger(offset)) return offset;
  }
  return undefined;
}

/** The table in the archive that it is the only file of. */
async function tableIn(packed: Buffer): Promise<{ readonly header: TarHeader; readonly json: Buffer }> {
  let found: TarHeader | undefined;
  const pieces: Buffer[] = [];
  let size = 0;
  await parseTar(unpacked(packed), {
    entry: (header) => {
      if (found !== undefined || header.name !== tocName || header.size > limits.toc) {
        throw unusable("it isn't where the footer says");
      }
      found = header;
    },
    data: (chunk) => {
      size += chunk.length;
      if (size <= limits.toc) pieces.push(Buffer.from(chunk));
    },
    end: () => undefined,
  });
  if (found === undefined) throw unusable("it isn't where the footer says");
  return { header: found, json: Buffer.concat(pieces) };
}

/** A table has a digest only when it is decompressed: what is damaged before that is told as its fault, too. */
async function* unpacked(packed: Buffer): AsyncGenerator<Uint8Array> {
  try {
    yield* decompress(one(packed));
  } catch (error) {
    if (!isKind(error, "invalid-argument")) throw error;
    throw unusable(messageOf(error), { cause: error });
  }
}

/** @param where `position` is `offset:length:uncompressed length:type`, `checksum` that of the table as it is compressed */
async function readZstdChunked(
  source: TocSource,
  layer: Descriptor,
  where: { readonly position: string; readonly checksum: string },
): Promise<LayerToc> {
  const { position, checksum } = where;
  const [, offset = 0, length = 0, plain = 0, type] = (
    /^(\d{1,15}):(\d{1,9}):(\d{1,9}):(\d{1,3})$/.exec(position) ?? []
  ).map(Number);
  if (type !== 1) throw unusable("the manifest doesn't say where it is");
  if (plain > limits.toc || length > limits.toc) throw unusable(`it has ${plain} bytes`);
  if (offset + length > layer.size) throw unusable("it lies outside of the layer");
  const packed = await part(source, layer, [offset, offset + length]);
  if (digestOf(packed) !== checksum) throw wrong(layer);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of decompress(one(packed))) {
    size += piece.length;
    if (size > plain) break;
    pieces.push(piece);
  }
  if (size !== plain) throw unusable("it is of another size than the manifest says");
  return { compression: "zstd", entries: parseToc(Buffer.concat(pieces), offset), whole: new Map() };
}

/** A part of a blob. @throws {BerthError} unavailable, where the registry gives whole blobs alone */
async function part(
  { repository, signal }: TocSource,
  layer: Descriptor,
  [offset, end]: readonly [number, number],
): Promise<Buffer> {
  const options = { offset, end, partOnly: true, ...stoppedBy(signal) };
  return Buffer.concat(await Array.fromAsync(repository.blob(layer, options), (piece) => Buffer.from(piece)));
}

function unusable(what: string, options?: ErrorOptions): BerthError {
  return new BerthError("invalid-argument", `the table of contents can't be used: ${what}`, options);
}

function wrong({ digest }: Descriptor): BerthError {
  return new BerthError("data-loss", `the table of contents of ${digest} isn't the one that its manifest names`);
}
