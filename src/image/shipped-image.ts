import { Readable } from "node:stream";
import { type CompressionFormat, writerOf } from "../archive/compress.ts";
import { shortID } from "../base/ids.ts";
import { stoppedBy } from "../base/operation.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { jsonIn, layerCompression, partsOf } from "../oci/image-index.ts";
import type { ShippedBlob, ShippedImage, ShippedManifest } from "../registry/shipment.ts";
import { counted } from "../registry/tree.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import type { Annotations } from "./create-index.ts";
import { type Image, type ImageDeps, readConfig } from "./images.ts";
import { type PackedLayer, recordPackedLayers } from "./manifest-records.ts";
import { type ManifestOptions, manifestOf, packedBytes, packedForms } from "./manifests.ts";
import { type ManifestFamily, typesOf } from "./media-types.ts";
import { withAnnotations } from "./oci-manifest.ts";
import { packLayer } from "./pack-layer.ts";

/** What an image is to be where it is sent, that it needn't be. */
export interface ImageForm extends Pick<ManifestOptions, "compression" | "level" | "keepsWhatCame"> {
  /** Whose media types its manifest has; OCI's, or those that it came with, when absent. */
  readonly family?: ManifestFamily;
}

/** How {@link imageOf} makes one. */
export interface ShippedOptions extends Pick<ManifestOptions, "repository"> {
  readonly form?: ImageForm;
  /** Of its manifest. */
  readonly annotations?: Annotations;
}

/** An image as `manifestOf` sends it. */
export function imageOf(
  deps: ImageDeps,
  image: Image,
  { form: { family, ...form } = {}, annotations = {}, repository }: ShippedOptions = {},
): ShippedImage {
  const how = { ...form, ...(repository && { repository }) };
  const config = readConfig(deps, image.id);
  const layers = packedForms(deps, image, how).map(({ layer, packed }) =>
    packed === undefined ? newBlob(deps, layer, how) : packedBlob(deps, packed),
  );
  return {
    blobs: [...layers.toReversed(), bytesBlob(image.id, config)],
    manifest: async (operation) => {
      const made = withAnnotations(await manifestOf(deps, image, { ...operation, ...how }), annotations);
      return family === undefined
        ? { digest: made.digest, mediaType: made.mediaType, size: made.bytes.length, bytes: made.bytes }
        : inFamily(made.bytes, family);
    },
  };
}

/** A manifest with the media types of a family. Docker's has no annotations. @throws {BerthError} invalid-argument, for zstd in Docker's */
function inFamily(bytes: Buffer, family: ManifestFamily): ShippedManifest {
  const value = jsonIn(bytes) as { readonly annotations?: object };
  const { config, layers } = partsOf(value) ?? { config: undefined, layers: [] };
  const types = typesOf(family);
  const now = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: types.manifest,
      config: { ...config, mediaType: types.config },
      layers: layers.map((layer) => ({
        ...layer,
        mediaType: types.layer(layerCompression(layer.mediaType ?? "") ?? "none"),
      })),
      ...(family === "docker" || value.annotations === undefined ? {} : { annotations: value.annotations }),
    }),
  );
  return { mediaType: types.manifest, digest: digestOf(now), size: now.length, bytes: now };
}

/** A blob that is in memory. */
export function bytesBlob(digest: Digest, bytes: Buffer): ShippedBlob {
  return { digest, size: bytes.length, body: () => ({ bytes: Readable.from([bytes]), digest: () => digest }) };
}

/** A layer in a form that is known. */
export function packedBlob(deps: ImageDeps, packed: Pick<PackedLayer, "digest" | "diffID" | "size">): ShippedBlob {
  const { digest, diffID, size } = packed;
  const id = shortID(diffID);
  return {
    id,
    digest,
    size,
    body: ({ signal, report }) => {
      const bytes = packedBytes(deps, packed, stoppedBy(signal));
      return {
        bytes: counted(bytes, (current) => report?.({ kind: "bytes", id, name: "Pushing", current, total: size })),
        digest: () => digest,
      };
    },
  };
}

/** A layer that is made while it is sent. What comes out is recorded before the last of it is sent, so that it is known also when this push is cut. */
export function newBlob(deps: ImageDeps, layer: Layer, { compression, level }: ImageForm): ShippedBlob {
  if (compression === "none") return plainBlob(deps, layer);
  const format: CompressionFormat = compression ?? "gzip";
  return {
    id: shortID(layer.diffID),
    digest: undefined,
    body: ({ report, ...operation }) => {
      const packing = packLayer(deps, layer, {
        ...operation,
        format,
        level,
        report: (event) => report?.(event.kind === "bytes" ? { ...event, name: "Pushing" } : event),
      });
      async function* bytes(): AsyncGenerator<Uint8Array> {
        yield* packing.bytes;
        await deps.db.write((sql) => recordPackedLayers(sql, [packing.packed()], writerOf(format, level)));
      }
      return { bytes: bytes(), digest: () => packing.packed().digest };
    },
  };
}

/** A layer's archive as it is. */
function plainBlob({ snapshotter }: ImageDeps, layer: Layer): ShippedBlob {
  const { diffID: digest } = layer;
  const id = shortID(digest);
  return {
    id,
    digest,
    ...(layer.bytes === undefined ? {} : { size: layer.bytes }),
    body: ({ signal, report }) => ({
      bytes: counted(snapshotter.archive(layer, stoppedBy(signal)), (current) =>
        report?.({
          kind: "bytes",
          id,
          name: "Pushing",
          current,
          ...(layer.bytes === undefined ? {} : { total: layer.bytes }),
        }),
      ),
      digest: () => digest,
    }),
  };
}
