import type { Operation } from "../base/operation.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { attestedBy, type Descriptor, entriesOf, jsonIn } from "../oci/image-index.ts";
import type { Shipment, ShippedImage, ShippedManifest } from "../registry/shipment.ts";
import { attestationEntry, attestationManifest, predicateOf, statementAbout } from "./attestations.ts";
import type { Annotations } from "./create-index.ts";
import { getImage, type ImageDeps } from "./images.ts";
import { type EntryRow, entryRows } from "./index-records.ts";
import { type ImageIndex, readIndex } from "./indexes.ts";
import { manifestIn } from "./layout-json.ts";
import { typesOf } from "./media-types.ts";
import { bytesBlob, type ImageForm, imageOf } from "./shipped-image.ts";

/** What is sent of an index that was built here. */
export interface BuiltShipment extends Shipment {
  /**
   * What follows when the images are there, and what names them by digest can be made: the same with what attests to them. Absent
   * where nothing does.
   */
  readonly following?: (operation: Operation) => Promise<Shipment>;
}

/** An image of such an index. */
interface BuiltEntry {
  readonly descriptor: Descriptor;
  readonly row: EntryRow;
}

/**
 * What is sent of an index that was built here: its images in the form that travels, then an index that names these. An image
 * that the index says nothing of is sent alone.
 *
 * @throws {BerthError} data-loss; invalid-argument, for attestations in Docker's media types, which know none
 */
export function builtShipment(deps: ImageDeps, index: ImageIndex, form: ImageForm = {}): BuiltShipment {
  const { value, images, attestations } = contentsOf(deps, index);
  const shipped = images.map(({ row }) => builtImage(deps, row, form));
  const own = { value, images, form };
  if (attestations.length === 0) {
    const isAlone = images.length === 1 && value.annotations === undefined && images[0]?.descriptor.annotations == null;
    return { images: shipped, indexes: (manifests) => (isAlone ? [] : [indexNow(own, manifests, [])]) };
  }
  const following = async (operation: Operation): Promise<Shipment> => {
    const manifests = await Promise.all(shipped.map(({ manifest }) => manifest(operation)));
    const said = attestations.flatMap((each) => {
      const about = images.findIndex(({ descriptor }) => descriptor.digest === attestedBy(each.descriptor));
      const now = manifests[about];
      const before = images[about]?.descriptor.digest;
      return now === undefined || before === undefined
        ? []
        : [attestationNow(deps, each.row, { from: before, to: now.digest })];
    });
    const top = indexNow(
      own,
      manifests,
      said.map(({ entry }) => entry),
    );
    return { images: [...shipped, ...said.map(({ image }) => image)], indexes: () => [top] };
  };
  return { images: shipped, indexes: () => [], following };
}

/** One image of an index that was built here, in the form that travels. */
export function builtImage(deps: ImageDeps, { image_id: id, manifest }: EntryRow, form: ImageForm = {}): ShippedImage {
  if (id === null) throw new Error("what attests to an image is no image");
  const { annotations } = jsonIn(manifest) as { readonly annotations?: Annotations };
  // It may have come from elsewhere since, with Docker's types.
  const { family = "oci" } = form;
  return imageOf(deps, getImage(deps, id), {
    form: { ...form, family },
    ...(annotations === undefined ? {} : { annotations }),
  });
}

interface IndexValue {
  readonly annotations?: Annotations;
}

function contentsOf(
  deps: ImageDeps,
  { digest }: ImageIndex,
): {
  readonly value: IndexValue;
  readonly images: readonly BuiltEntry[];
  readonly attestations: readonly BuiltEntry[];
} {
  const rows = new Map(deps.db.read((sql) => entryRows(sql, digest)).map((row) => [row.digest, row]));
  const value = jsonIn(readIndex(deps, digest)) as IndexValue;
  // What was removed by `rmi --platform` is gone with what attests to it.
  const entries = (entriesOf(value) ?? []).flatMap((descriptor) => {
    const row = rows.get(descriptor.digest);
    return row === undefined ? [] : [{ descriptor, row }];
  });
  return {
    value,
    images: entries.filter(({ row }) => row.image_id !== null),
    attestations: entries.filter(({ row }) => row.image_id === null),
  };
}

interface IndexParts {
  readonly value: IndexValue;
  readonly images: readonly BuiltEntry[];
  readonly form: ImageForm;
}

function indexNow(
  { value: { annotations }, images, form: { family = "oci" } }: IndexParts,
  manifests: readonly ShippedManifest[],
  attestations: readonly Descriptor[],
): ShippedManifest {
  const { index: mediaType } = typesOf(family);
  const entries = images.flatMap(({ descriptor }, place) => {
    const now = manifests[place];
    return now === undefined ? [] : [{ ...descriptor, mediaType: now.mediaType, digest: now.digest, size: now.size }];
  });
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      manifests: [...entries, ...attestations],
      ...(annotations === undefined ? {} : { annotations }),
    }),
  );
  return { mediaType, digest: digestOf(bytes), size: bytes.length, bytes };
}

/** What attests to a manifest, about the one that took its place. */
function attestationNow(
  { content }: ImageDeps,
  row: EntryRow,
  about: { readonly from: Digest; readonly to: Digest },
): { readonly image: ShippedImage; readonly entry: Descriptor } {
  const statements = manifestIn(row.digest, Buffer.from(row.manifest)).layers.map((layer) => ({
    predicateType: predicateOf(layer) ?? "",
    bytes: statementAbout(content.readAll(layer.digest, layer.size), about),
  }));
  const { bytes, blobs } = attestationManifest(statements);
  const entry = attestationEntry(bytes, about.to);
  const manifest = { mediaType: entry.mediaType, digest: entry.digest, size: entry.size, bytes };
  return {
    image: { blobs: blobs.map((blob) => bytesBlob(digestOf(blob), blob)), manifest: async () => manifest },
    entry,
  };
}
