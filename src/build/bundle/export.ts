import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { bytesOf } from "../../archive/byte-string.ts";
import { noXattrs, type TarHeader } from "../../archive/tar-header.ts";
import { encodeHeader, endOfArchive, paddingOf } from "../../archive/tar-writer.ts";
import { blobName } from "../../image/layout-json.ts";
import type { Database } from "../../metadata/database.ts";
import { digestOf } from "../../oci/digest.ts";
import { type Descriptor, indexType, manifestType } from "../../oci/image-index.ts";
import { readBuild, readLog } from "../history/history.ts";
import { encodeLog } from "./log.ts";
import { logType, recordOf, recordType } from "./record.ts";

/**
 * Records of builds as an archive for Docker Desktop and `buildx history import`: a layout whose manifests have a record for a config and
 * its log for a layer; several are in an index.
 *
 * @see buildx, util/desktop/bundle/export.go
 */
export function exportBundle(db: Database, ids: readonly string[]): AsyncIterable<Uint8Array> {
  return Readable.from(tarOf(db, ids), { objectMode: false }).pipe(createGzip());
}

function* tarOf(db: Database, ids: readonly string[]): Generator<Buffer> {
  const manifests: Descriptor[] = [];
  for (const id of ids) {
    const { blobs, manifest } = recordBlobs(db, id);
    for (const bytes of blobs) yield* fileOf(blobName(digestOf(bytes)), bytes);
    manifests.push(manifest);
  }
  const [only, ...others] = manifests;
  let top = only;
  if (others.length > 0) {
    const index = json({ schemaVersion: 2, mediaType: indexType, manifests });
    yield* fileOf(blobName(digestOf(index)), index);
    top = descriptorOf(indexType, index);
  }
  const { annotations: _named, ...entry } = top ?? {};
  yield* fileOf("index.json", json({ schemaVersion: 2, mediaType: indexType, manifests: [entry] }));
  yield* fileOf("oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  yield endOfArchive;
}

function recordBlobs(db: Database, id: string): { readonly blobs: readonly Buffer[]; readonly manifest: Descriptor } {
  const build = readBuild(db, id);
  const log = encodeLog(build, readLog(db, id));
  const logs = descriptorOf(logType, log);
  const record = json(recordOf(build, logs));
  const config = descriptorOf(recordType, record);
  const manifest = json({ schemaVersion: 2, mediaType: manifestType, config, layers: [logs] });
  const annotations = { "vnd.buildkit.history.reference": id };
  return { blobs: [log, record, manifest], manifest: { ...descriptorOf(manifestType, manifest), annotations } };
}

function descriptorOf(mediaType: string, bytes: Buffer): Descriptor & { readonly mediaType: string } {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

function* fileOf(name: string, bytes: Buffer): Generator<Buffer> {
  const header: TarHeader = {
    ...{ name: bytesOf(name), type: "file", mode: 0o444, uid: 0, gid: 0, size: bytes.length, mtimeNs: 0n },
    ...{ linkname: bytesOf(""), major: 0, minor: 0, xattrs: noXattrs },
  };
  yield encodeHeader(header);
  yield bytes;
  yield Buffer.alloc(paddingOf(bytes.length));
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value, undefined, 2));
}
