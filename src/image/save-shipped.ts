import type { Operation } from "../base/operation.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { blobsIn, type LayerCompression } from "../oci/image-index.ts";
import { manifestsOf } from "../registry/send.ts";
import type { Shipment, ShippedBlob } from "../registry/shipment.ts";
import type { ListedImage } from "./archive-lists.ts";
import { type ArchiveFile, bytesFile } from "./archive-writer.ts";
import { builtShipment } from "./built-shipment.ts";
import { getImage, type ImageDeps } from "./images.ts";
import { blobName, manifestIn } from "./layout-json.ts";
import { isBuiltIndex } from "./manifest-records.ts";
import { indexOf, type SavedWhole } from "./save-whole.ts";
import type { NamedImage } from "./saved-names.ts";
import { type ImageForm, imageOf } from "./shipped-image.ts";

/** How an image is to be saved: always with an answer to how its layers are compressed. */
export type SavedForm = ImageForm & { readonly compression: LayerCompression };

/** Whether a name means an index that was built here, which is saved in any form. */
export function isBuilt({ db }: Pick<ImageDeps, "db">, { index }: NamedImage): boolean {
  return index !== undefined && db.read((sql) => isBuiltIndex(sql, index));
}

/** An image, or an index that was built here, in the form in which a push sends it. Layers are compressed to know their digests, and again to be written. */
export async function savedShipped(
  deps: ImageDeps,
  named: NamedImage,
  { form, ...operation }: Operation & { readonly form: SavedForm },
): Promise<SavedWhole> {
  const described = (): Shipment & { readonly following?: (operation: Operation) => Promise<Shipment> } =>
    named.index === undefined
      ? { images: [imageOf(deps, getImage(deps, named.id), { form })], indexes: () => [] }
      : builtShipment(deps, indexOf(deps, named.index), form);
  await manifestsOf(described(), operation);
  // Now every digest is known.
  const known = described();
  const shipment = (await known.following?.(operation)) ?? known;
  const { manifests, indexes, top } = await manifestsOf(shipment, operation);
  const sizes = new Map(manifests.flatMap(({ bytes }) => blobsIn(bytes)).map(({ digest, size }) => [digest, size]));
  const blobs = shipment.images.flatMap((image) => image.blobs.map((blob) => blobFile(blob, sizes, operation)));
  const files = [...manifests, ...indexes].map(({ digest, bytes }) => bytesFile(blobName(digest), bytes));
  const { mediaType, digest, size } = top;
  return {
    named,
    references: named.references,
    descriptor: { mediaType, digest, size },
    files: [...blobs, ...files],
    ...(named.index === undefined ? { listed: listedIn(named, top.bytes) } : {}),
  };
}

function listedIn({ id, references }: NamedImage, manifest: Buffer): ListedImage {
  const { layers } = manifestIn(digestOf(manifest), manifest);
  return { config: id, references, layers };
}

function blobFile(blob: ShippedBlob, sizes: ReadonlyMap<Digest, number>, operation: Operation): ArchiveFile {
  const { digest } = blob;
  const size = digest === undefined ? undefined : sizes.get(digest);
  if (digest === undefined || size === undefined) throw new Error("a blob of a shipment is no blob of its manifests");
  return {
    name: blobName(digest),
    time: 0,
    size,
    open: async function* () {
      for await (const chunk of blob.body(operation).bytes) yield chunk as Uint8Array;
    },
  };
}
