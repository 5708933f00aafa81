import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import type { BlobReader } from "../image/download.ts";
import { type DiffID, isDigest } from "../oci/digest.ts";
import { parseImageConfig } from "../oci/image-config.ts";
import {
  type Descriptor,
  entriesOf,
  isImageEntry,
  jsonIn,
  kindOf,
  layerCompression,
  type ManifestParts,
  partsOf,
} from "../oci/image-index.ts";
import type { RemoteManifest } from "../registry/repository.ts";
import { readSmallBlob } from "../registry/small-blob.ts";
import { type ImageReader, readTree } from "../registry/tree.ts";
import { type CacheConfig, cacheConfigType, parseCacheConfig, parseInlineRecords } from "./config.ts";
import { diffIDAnnotation, type ImportedCache, importedCache, type TravellingLayer } from "./imported-cache.ts";
import { inlineRecordsIn } from "./inline.ts";

/** A manifest or an index that is a cache, or an image with a cache in it. */
export interface CacheRoot {
  readonly name: string;
  readonly reader: ImageReader & BlobReader;
  readonly root: RemoteManifest;
}

/**
 * Read what a name leads to: a cache as BuildKit exports it, as an image's manifest or as an index; or else the caches in the
 * configs of images, none where these have none.
 *
 * @throws {BerthError} as `Repository.manifest` and `Repository.blob`; invalid-argument, for what is none or is malformed
 */
export async function readCaches(from: CacheRoot, operation: Operation): Promise<readonly ImportedCache[]> {
  const value = jsonIn(from.root.bytes);
  const entries = kindOf(from.root.descriptor) === "index" ? entriesOf(value) : undefined;
  if (entries !== undefined) {
    const config = entries.find(({ mediaType }) => mediaType === cacheConfigType);
    if (config !== undefined) return [await readExported(from, { config, layers: entries }, operation)];
  }
  const parts = entries === undefined ? partsOf(value) : undefined;
  if (parts?.config.mediaType === cacheConfigType) return [await readExported(from, parts, operation)];
  const { manifests } = await readTree(from.reader, from.root, operation);
  const caches: ImportedCache[] = [];
  for (const { bytes, descriptor } of manifests) {
    const image = isImageEntry(descriptor) ? partsOf(jsonIn(bytes)) : undefined;
    const cache = image === undefined ? undefined : await readInline(from, image, operation);
    if (cache !== undefined) caches.push(cache);
  }
  return caches;
}

async function readExported(
  { name, reader }: CacheRoot,
  { config: descriptor, layers }: ManifestParts,
  operation: Operation,
): Promise<ImportedCache> {
  const config = parseCacheConfig(await readSmallBlob(reader, descriptor, { ...operation, what: "cache config" }));
  const known = new Map<string, TravellingLayer | undefined>(layers.map((blob) => [blob.digest, travelling(blob)]));
  return importedCache({ name, config, reader, layerOf: (index) => known.get(config.layers[index]?.blob ?? "") });
}

function travelling({ annotations, mediaType, digest, size }: Descriptor): TravellingLayer | undefined {
  const diffID = annotations?.[diffIDAnnotation];
  if (diffID === undefined || !isDigest(diffID) || layerCompression(mediaType ?? "") === undefined) return undefined;
  return { blob: { mediaType: mediaType ?? "", digest, size }, diffID };
}

async function readInline(
  { name, reader }: CacheRoot,
  { config: descriptor, layers }: ManifestParts,
  operation: Operation,
): Promise<ImportedCache | undefined> {
  const bytes = await readSmallBlob(reader, descriptor, { ...operation, what: "image config" });
  const diffIDs = parseImageConfig(bytes).rootfs.diff_ids;
  if (diffIDs.length !== layers.length || layers.length > limits.layers) return undefined;
  const blobs = layers.map((blob) => ({ ...blob, mediaType: blob.mediaType ?? "" }));
  return inlineCache({ name, reader, bytes, layers: blobs.map((blob, place) => ({ blob, diffID: diffIDs[place] })) });
}

/** An image whose config may have a cache. */
export interface CachedImage {
  readonly name: string;
  /** Its config. */
  readonly bytes: Uint8Array;
  /** The bottom one first. */
  readonly layers: readonly { readonly blob: TravellingLayer["blob"]; readonly diffID: DiffID | undefined }[];
  readonly reader: BlobReader | undefined;
}

/** The cache in an image's config; undefined where it has none. @throws {BerthError} invalid-argument, where it is malformed */
export function inlineCache({ name, bytes, layers, reader }: CachedImage): ImportedCache | undefined {
  const records = inlineRecordsIn(bytes);
  if (records === undefined) return undefined;
  const config: CacheConfig = parseInlineRecords(
    records,
    layers.map(({ blob }, index) => ({ blob: blob.digest, parent: index - 1 })),
  );
  const layerOf = (index: number): TravellingLayer | undefined => {
    const { blob, diffID } = layers[index] ?? {};
    return blob === undefined || diffID === undefined ? undefined : { blob, diffID };
  };
  return importedCache({ name, config, reader, layerOf });
}

/** The error for a place that has no cache by a name. */
export function notThere(what: string): BerthError {
  return new BerthError("not-found", `${what}: not found`);
}
