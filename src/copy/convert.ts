import { createHash } from "node:crypto";
import { type CompressionFormat, compress } from "../archive/compress.ts";
import { decompress } from "../archive/decompress.ts";
import { BerthError } from "../base/errors.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { familyOf, type ManifestFamily, typesOf } from "../image/media-types.ts";
import { checkedBytes } from "../oci/checked-bytes.ts";
import { type Digest, digestOf, parseDigest } from "../oci/digest.ts";
import { parseImageConfig } from "../oci/image-config.ts";
import {
  type Descriptor,
  entriesOf,
  jsonIn,
  type LayerCompression,
  layerCompression,
  type ManifestParts,
  partsOf,
} from "../oci/image-index.ts";
import type { RemoteManifest } from "../registry/repository.ts";
import type { Shipment, ShippedBlob, ShippedImage, ShippedManifest } from "../registry/shipment.ts";
import { readSmallBlob } from "../registry/small-blob.ts";
import {
  blobAsIs,
  configAsIs,
  counted,
  type ImageReader,
  type ImageTree,
  imageAsIs,
  shipped,
} from "../registry/tree.ts";

/** What a copy is to be that the image isn't. */
export interface Conversion {
  /** Whose media types manifests have; their own when absent. */
  readonly family?: ManifestFamily;
  /** How each layer is compressed; as it is when absent. */
  readonly compression?: LayerCompression;
}

/**
 * A tree on its way, converted: layers in another compression are made on their way, then the manifests and indexes that name them.
 * What needn't change keeps its bytes; what is no image is never changed.
 *
 * @throws {BerthError} invalid-argument, for what Docker's media types can't say
 */
export async function convertedShipment(
  reader: ImageReader,
  tree: ImageTree,
  conversion: Conversion,
): Promise<Shipment> {
  const images: ShippedImage[] = [];
  for (const manifest of tree.manifests) images.push(await converted(reader, manifest, conversion));
  return {
    images,
    indexes: (manifests) => {
      const now = new Map(tree.manifests.map(({ descriptor }, place) => [descriptor.digest, manifests[place]]));
      return tree.indexes.map((index) => {
        const made = convertedIndex(index, now, conversion);
        now.set(index.descriptor.digest, made);
        return made;
      });
    },
  };
}

/** Whether a conversion would change anything. */
export function changes(tree: ImageTree, conversion: Conversion): boolean {
  const isOther = ({ descriptor }: RemoteManifest): boolean =>
    familyWanted(descriptor.mediaType, conversion) !== familyOf(descriptor.mediaType);
  const isChanged = (each: RemoteManifest): boolean => {
    const parts = imageParts(each);
    return parts !== undefined && (isOther(each) || parts.layers.some((layer) => isPackedAnew(layer, conversion)));
  };
  return tree.manifests.some(isChanged) || tree.indexes.some(isOther);
}

/** The parts of the manifest of an image: of layers alone, which an attestation hasn't. */
function imageParts({ bytes }: RemoteManifest): ManifestParts | undefined {
  const parts = partsOf(jsonIn(bytes));
  const isLayer = ({ mediaType = "" }: Descriptor): boolean => layerCompression(mediaType) !== undefined;
  return parts?.layers.every(isLayer) === true ? parts : undefined;
}

function isPackedAnew({ mediaType = "" }: Descriptor, { compression }: Conversion): boolean {
  return compression !== undefined && layerCompression(mediaType) !== compression;
}

/** Docker's types know no zstd: a layer that is to be that makes the manifest OCI's. */
function familyWanted(mediaType: string, { family, compression }: Conversion): ManifestFamily {
  return family ?? (compression === "zstd" ? "oci" : familyOf(mediaType));
}

async function converted(reader: ImageReader, manifest: RemoteManifest, conversion: Conversion): Promise<ShippedImage> {
  const parts = imageParts(manifest);
  if (parts === undefined || !changes({ manifests: [manifest], indexes: [] }, conversion)) {
    return imageAsIs(reader, manifest);
  }
  const family = familyWanted(manifest.descriptor.mediaType, conversion);
  const types = typesOf(family);
  const { compression } = conversion;
  const diffIDs = compression === "none" ? await diffIDsOf(reader, parts) : [];
  const layers = parts.layers.map((layer, place): ConvertedLayer => {
    const now = compression ?? layerCompression(layer.mediaType ?? "") ?? "none";
    const mediaType = types.layer(now);
    if (!isPackedAnew(layer, conversion))
      return { blob: blobAsIs(reader, layer), now: async () => ({ ...layer, mediaType }) };
    return packedAnew(reader, layer, { compression: now, digest: diffIDs[place], mediaType });
  });
  return {
    blobs: [...layers.map(({ blob }) => blob).toReversed(), configAsIs(reader, parts.config)],
    manifest: async (operation) => {
      const now: Descriptor[] = [];
      for (const layer of layers) now.push(await layer.now(operation));
      const kept = family === "docker" ? { schemaVersion: 2 } : (jsonIn(manifest.bytes) as object);
      const config = { ...parts.config, mediaType: types.config };
      return described(types.manifest, { ...kept, mediaType: types.manifest, config, layers: now });
    },
  };
}

/** A layer as it is sent, and what the manifest says of it then. */
export interface ConvertedLayer {
  readonly blob: ShippedBlob;
  readonly now: (operation: Operation) => Promise<Descriptor>;
}

/** The form that a layer is to have. */
export interface Packing {
  readonly compression: LayerCompression;
  readonly mediaType: string;
  /** Of what comes out, where that is known before. */
  readonly digest: Digest | undefined;
  /** That of berth's own form when absent. */
  readonly level?: number;
}

/** A layer in another compression. Its annotations are of the bytes that it had. */
export function packedAnew(
  reader: Pick<ImageReader, "blob">,
  layer: Descriptor,
  { compression, mediaType, digest, level }: Packing,
): ConvertedLayer {
  const id = layer.digest;
  let made: { readonly digest: Digest; readonly size: number } | undefined;
  const blob: ShippedBlob = {
    id,
    digest,
    estimate: layer.size,
    body: ({ signal, report }) => {
      const told = counted(reader.blob(layer, stoppedBy(signal)), (current) =>
        report?.({ kind: "bytes", id, name: "Pushing", current, total: layer.size }),
      );
      const plain = decompress(checkedBytes(told, layer.digest, wrongLayer));
      const bytes = hashed(
        compression === "none" ? plain : compress(plain, compression satisfies CompressionFormat, level),
        (found) => {
          made = found;
        },
      );
      return { bytes, digest: () => madeOf(made).digest };
    },
  };
  return {
    blob,
    now: async (operation) => {
      if (made === undefined) for await (const _ of blob.body(operation).bytes);
      return { mediaType, ...madeOf(made) };
    },
  };
}

function madeOf<T>(made: T | undefined): T {
  if (made === undefined) throw new Error("the layer is still being converted");
  return made;
}

async function* hashed(
  bytes: AsyncIterable<Uint8Array>,
  tell: (found: { readonly digest: Digest; readonly size: number }) => void,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    size += chunk.length;
    yield chunk;
  }
  tell({ digest: parseDigest(`sha256:${hash.digest("hex")}`), size });
}

function wrongLayer(digest: Digest, found: string): BerthError {
  return new BerthError("data-loss", `filesystem layer verification failed for digest ${digest}`, {
    hint: `The bytes that came have the digest ${found}. Nothing of them was kept.`,
  });
}

/** What the plain layers of an image have as digests. */
async function diffIDsOf(reader: ImageReader, { config, layers }: ManifestParts): Promise<readonly Digest[]> {
  const { diff_ids: diffIDs } = parseImageConfig(await readSmallBlob(reader, config, { what: "image config" })).rootfs;
  if (diffIDs.length === layers.length) return diffIDs;
  throw new BerthError("invalid-argument", "layers from manifest don't match image configuration");
}

function convertedIndex(
  index: RemoteManifest,
  now: ReadonlyMap<Digest, ShippedManifest | undefined>,
  conversion: Conversion,
): ShippedManifest {
  const before = jsonIn(index.bytes) as { readonly mediaType?: string; readonly manifests: readonly Descriptor[] };
  const types = typesOf(familyWanted(index.descriptor.mediaType, conversion));
  const entries = entriesOf(before) ?? [];
  const isSame = entries.every(({ digest }) => (now.get(digest)?.digest ?? digest) === digest);
  if (isSame && types.index === index.descriptor.mediaType) return shipped(index);
  const manifests = entries.map((entry) => {
    const made = now.get(entry.digest);
    const own = made === undefined ? {} : { mediaType: made.mediaType, digest: made.digest, size: made.size };
    return { ...entry, ...own, ...attesting(entry, now) };
  });
  return described(types.index, { ...before, mediaType: types.index, manifests });
}

const attested = "vnd.docker.reference.digest";

/** An attestation names the manifest that it is of. */
function attesting(
  { annotations }: Descriptor,
  now: ReadonlyMap<string, ShippedManifest | undefined>,
): Pick<Descriptor, "annotations"> {
  const about = now.get(annotations?.[attested] ?? "");
  return about === undefined ? {} : { annotations: { ...annotations, [attested]: about.digest } };
}

function described(mediaType: string, value: unknown): ShippedManifest {
  const bytes = Buffer.from(JSON.stringify(value));
  return { mediaType, digest: digestOf(bytes), size: bytes.length, bytes };
}
