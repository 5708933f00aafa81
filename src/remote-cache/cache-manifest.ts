import type { Operation } from "../base/operation.ts";
import { uploadOf } from "../copy/new-file.ts";
import { typesOf } from "../image/media-types.ts";
import { digestOf } from "../oci/digest.ts";
import { layerCompression } from "../oci/image-index.ts";
import type { ShippedManifest } from "../registry/shipment.ts";
import { cacheConfigType } from "./config.ts";
import { createdAnnotation, diffIDAnnotation } from "./imported-cache.ts";
import type { CacheForm } from "./options.ts";
import type { CacheTarget, FinishedCache, FinishedLayer } from "./target.ts";

/** What a cache's manifest is made with. */
export type ManifestForm = Pick<CacheForm, "imageManifest" | "ociTypes">;

/**
 * Write the config of a cache, and give its manifest: that of an image whose config it is, or an index of blobs.
 *
 * @see BuildKit cache/remotecache/export.go
 * @throws {BerthError} invalid-argument, for what Docker's media types can't say
 */
export async function manifestOfCache(
  { config, layers, mounts }: FinishedCache,
  { imageManifest, ociTypes }: ManifestForm,
  { upload, ...operation }: Operation & Pick<CacheTarget, "upload">,
): Promise<ShippedManifest> {
  const bytes = Buffer.from(JSON.stringify(config));
  await upload(uploadOf(bytes), operation);
  const types = typesOf(ociTypes ? "oci" : "docker");
  const blob = { mediaType: cacheConfigType, digest: digestOf(bytes), size: bytes.length };
  const blobs = [...layers.map((layer) => described(layer, types.layer)), ...mounts];
  const mediaType = imageManifest ? types.manifest : types.index;
  const value = imageManifest ? { config: blob, layers: blobs } : { manifests: [...blobs, blob] };
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...value }));
  return { mediaType, digest: digestOf(manifest), size: manifest.length, bytes: manifest };
}

function described(
  { blob, diffID, createdAt }: FinishedLayer,
  typeOf: ReturnType<typeof typesOf>["layer"],
): FinishedLayer["blob"] {
  const { digest, size } = blob;
  const mediaType = typeOf(layerCompression(blob.mediaType) ?? "gzip");
  const annotations = {
    [diffIDAnnotation]: diffID,
    ...(createdAt === undefined ? {} : { [createdAnnotation]: createdAt }),
  };
  return { mediaType, digest, size, annotations };
}
