import { createReadStream, createWriteStream, statSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { BlobReader } from "../image/download.ts";
import type { Digest } from "../oci/digest.ts";
import type { Upload } from "../registry/repository.ts";
import { type CacheConfig, parseCacheConfig } from "./config.ts";
import type { RemoteCacheDeps } from "./deps.ts";
import { type ImportedCache, importedCache, type TravellingLayer } from "./imported-cache.ts";
import type { CacheTarget, FinishedCache } from "./target.ts";

/** What keeps blobs by their digests and configs by names, and knows nothing of manifests: the config says what each layer is. */
export interface ObjectStore {
  /** Blobs at once. */
  readonly most: number;
  readonly reader: BlobReader;
  readonly hasBlob: (digest: Digest, operation: Operation) => Promise<boolean>;
  readonly putBlob: (digest: Digest, file: ObjectFile, operation: Operation) => Promise<void>;
  /** The configs that are there under the cache's name, the one that counts most first. */
  readonly configs: (operation: Operation) => Promise<readonly Buffer[]>;
  readonly putConfig: (bytes: Buffer, operation: Operation) => Promise<void>;
}

/** What is written: its bytes may be asked for several times. */
export interface ObjectFile {
  readonly size: number;
  readonly open: (from?: number, end?: number) => AsyncIterable<Uint8Array>;
}

/** Read the caches of an object store. @throws {BerthError} invalid-argument, for a malformed one */
export async function readObjects(
  store: ObjectStore,
  name: string,
  operation: Operation,
): Promise<readonly ImportedCache[]> {
  return (await store.configs(operation)).map((bytes) => {
    const config = parseCacheConfig(bytes);
    const layerOf = (index: number): TravellingLayer | undefined => {
      const { blob: digest, annotations } = config.layers[index] ?? {};
      if (digest === undefined || annotations === undefined) return undefined;
      const { mediaType, size, diffID } = annotations;
      return { blob: { mediaType, digest, size }, diffID };
    };
    return importedCache({ name, config, layerOf, reader: store.reader });
  });
}

/** An object store as a place that a cache is written to. Such a store wants to know sizes and names first: blobs go through a file. */
export function objectTarget(
  { snapshotter }: Pick<RemoteCacheDeps, "snapshotter">,
  store: ObjectStore,
): Omit<CacheTarget, typeof Symbol.asyncDispose> {
  return {
    most: store.most,
    hasBlob: store.hasBlob,
    upload: async (blob, operation) => {
      if (blob.digest !== undefined && (await store.hasBlob(blob.digest, operation))) return;
      await using scratch = await snapshotter.scratch();
      const { digest, file } = await staged(blob, join(scratch.path, "blob"));
      if (blob.digest === undefined && (await store.hasBlob(digest, operation))) return;
      await store.putBlob(digest, file, operation);
    },
    publish: (cache, operation) => store.putConfig(Buffer.from(JSON.stringify(annotated(cache))), operation),
  };
}

async function staged(
  { body, size }: Upload,
  path: string,
): Promise<{ readonly digest: Digest; readonly file: ObjectFile }> {
  const { bytes, digest } = body();
  await pipeline(Readable.from(copied(bytes)), createWriteStream(path, { mode: 0o600 }));
  const found = statSync(path).size;
  if (size !== undefined && found !== size)
    throw new BerthError("data-loss", `blob ${digest()} has ${found} bytes, expected ${size}`);
  return { digest: digest(), file: fileOf(path, found) };
}

/** A piece may be used again when the next one is asked for; a stream keeps several. */
async function* copied(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) yield Buffer.from(chunk);
}

function fileOf(path: string, size: number): ObjectFile {
  return {
    size,
    open: (from = 0, end = size) =>
      from === end ? Readable.from([]) : createReadStream(path, { start: from, end: end - 1, highWaterMark: 1 << 20 }),
  };
}

/** Bytes as what is written. */
export function objectOf(bytes: Buffer): ObjectFile {
  return { size: bytes.length, open: (from, end) => Readable.from([bytes.subarray(from, end)]) };
}

/** The config with what a manifest says of layers elsewhere. @see BuildKit cache/remotecache/s3/s3.go */
function annotated({ config, layers }: FinishedCache): CacheConfig {
  const known = new Map(layers.map((layer) => [layer.blob.digest, layer]));
  return {
    ...config,
    layers: config.layers.map((layer) => {
      const found = known.get(layer.blob);
      if (found === undefined) throw new Error(`layer ${layer.blob} wasn't sent`);
      const { blob, diffID, createdAt = unknownTime } = found;
      return { ...layer, annotations: { mediaType: blob.mediaType, diffID, size: blob.size, createdAt } };
    }),
  };
}

/** Go's zero time: BuildKit wants one. */
const unknownTime = "0001-01-01T00:00:00Z";
