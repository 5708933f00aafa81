import { type Digest, digestOf } from "../oci/digest.ts";
import { manifestType } from "../oci/image-index.ts";
import type { KeptBlob, PackedLayer } from "./manifest-records.ts";

/** A manifest, and what it points to beside the image's config. */
export interface ImageManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
  /** The bottom one first. */
  readonly layers: readonly PackedLayer[];
}

/** OCI's media types of layers. @see image-spec v1.1 layer.md */
export const layerTypes = {
  none: "application/vnd.oci.image.layer.v1.tar",
  gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  zstd: "application/vnd.oci.image.layer.v1.tar+zstd",
} as const;

/** OCI's media type of an image config. @see image-spec v1.1 media-types.md */
export const configType = "application/vnd.oci.image.config.v1+json";

/** The same manifest with annotations, which are sorted; the same when there are none. @see image-spec v1.1 annotations.md */
export function withAnnotations(
  manifest: ImageManifest,
  annotations: Readonly<Record<string, string>> = {},
): ImageManifest {
  const sorted = Object.entries(annotations).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (sorted.length === 0) return manifest;
  const value = JSON.parse(manifest.bytes.toString()) as object;
  const bytes = Buffer.from(JSON.stringify({ ...value, annotations: Object.fromEntries(sorted) }));
  return { ...manifest, bytes, digest: digestOf(bytes) };
}

/** OCI's manifest of an image, with berth's field order and no more fields than needed. @see image-spec v1.1 manifest.md */
export function ociManifest(config: KeptBlob, layers: readonly PackedLayer[]): ImageManifest {
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: configType, digest: config.digest, size: config.size },
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
    }),
  );
  return { digest: digestOf(bytes), mediaType: manifestType, bytes, layers };
}
