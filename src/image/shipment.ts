import { BerthError } from "../base/errors.ts";
import { shortID } from "../base/ids.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { contentsOf, type Descriptor, indexType, manifestType } from "../oci/image-index.ts";
import { bestFor, hostPlatform, type Platform, platformText } from "../oci/platform.ts";
import type { Shipment, ShippedBlob, ShippedImage, ShippedManifest } from "../registry/shipment.ts";
import { type BuiltShipment, builtImage, builtShipment } from "./built-shipment.ts";
import type { RepositoryName } from "./cache-records.ts";
import { getImage, type ImageDeps, readConfig } from "./images.ts";
import { type EntryRow, entryRows, presentIn } from "./index-records.ts";
import { findIndex, getPlatformImage, type ImageIndex, type IndexPlatform, notProvided, readIndex } from "./indexes.ts";
import { descriptorsIn, manifestIn } from "./layout-json.ts";
import { isBuiltIndex } from "./manifest-records.ts";
import type { Target } from "./resolve.ts";
import { bytesBlob, type ImageForm, imageOf, packedBlob } from "./shipped-image.ts";

/** What a push sends. */
export interface PushShipment extends BuiltShipment {
  /** What the store has under the digest that is pushed. */
  readonly target: Target;
  /** The index that would have been pushed, had it been whole. */
  readonly insteadOf?: Digest;
}

/** How {@link shipmentOf} chooses. */
export interface ShipmentOptions {
  /** What the image is called, for errors. */
  readonly name: string;
  /** The image for it alone, without its index. */
  readonly platform?: Platform;
  /** What the image is to be; an index that came in stays as it is. */
  readonly form?: ImageForm;
  /** Where the image goes. */
  readonly repository?: RepositoryName;
  /** Whether the registry has a manifest already. */
  readonly isThere: (digest: Digest) => Promise<boolean>;
}

/**
 * What is sent for an image: its manifest, or its index with all that belongs to it. Of an index that is neither whole here nor at the
 * registry the image for this machine is sent, or the only one that is here, as Docker does it.
 *
 * @throws {BerthError} not-found, when it isn't here for `platform`; conflict, when there are several to choose from; data-loss
 * @see moby daemon/containerd/image_push.go
 */
export async function shipmentOf(
  deps: ImageDeps,
  { id, index }: Target,
  options: ShipmentOptions,
): Promise<PushShipment> {
  const { name, platform, form = {}, repository, isThere } = options;
  const found = index === undefined ? undefined : findIndex(deps, index);
  if (found === undefined) {
    const image = platform === undefined ? getImage(deps, id) : getPlatformImage(deps, name, platform);
    return {
      images: [imageOf(deps, image, { form, ...(repository && { repository }) })],
      indexes: none,
      target: { id, index: undefined },
    };
  }
  if (deps.db.read((sql) => isBuiltIndex(sql, found.digest))) return builtOf(deps, found, options);
  const { entries, inner } = contentsIn(deps, found);
  if (platform === undefined && (await areThere([...entries, ...inner], isThere))) {
    const { digest, mediaType } = found;
    const bytes = readIndex(deps, digest);
    const images = entries.flatMap((entry) => (entry.row === undefined ? [] : [entryImage(deps, entry, entry.row)]));
    const indexes = [
      ...inner.flatMap((entry) => (entry.row === undefined ? [] : [innerIndex(entry, entry.row)])),
      { digest, mediaType, size: bytes.length, bytes },
    ];
    return { images, indexes: () => indexes, target: { id, index: digest } };
  }
  const { manifest, imageID } = chosen(found, options);
  const images = entries.flatMap((entry) =>
    entry.row === undefined || entry.descriptor.digest !== manifest ? [] : [entryImage(deps, entry, entry.row)],
  );
  const target = { id: imageID, index: undefined };
  return { images, indexes: none, target, ...(platform === undefined ? { insteadOf: found.digest } : {}) };
}

/** Of an index that was built here all of it, or one image. */
function builtOf(deps: ImageDeps, index: ImageIndex, options: ShipmentOptions): PushShipment {
  const { platform, form } = options;
  if (platform === undefined) {
    return { ...builtShipment(deps, index, form), target: { id: index.imageID, index: index.digest } };
  }
  const { manifest, imageID } = chosen(index, options);
  const rows = deps.db.read((sql) => entryRows(sql, index.digest)).filter(({ digest }) => digest === manifest);
  return {
    images: rows.map((row) => builtImage(deps, row, form)),
    indexes: none,
    target: { id: imageID, index: undefined },
  };
}

const none: Shipment["indexes"] = () => [];

/** An entry of an index, with its record where it is in the store. */
interface Entry {
  readonly descriptor: Descriptor;
  readonly row: EntryRow | undefined;
}

/** What an index names, through the indexes in it, and these, each behind those that it names. */
function contentsIn(
  deps: ImageDeps,
  { digest }: ImageIndex,
): { readonly entries: readonly Entry[]; readonly inner: readonly Entry[] } {
  const rows = new Map(deps.db.read((sql) => entryRows(sql, digest)).map((row) => [row.digest, row]));
  const named = descriptorsIn(digest, readIndex(deps, digest));
  const { manifests, inner } = contentsOf(named, (index) => rows.get(index)?.manifest);
  const entry = (descriptor: Descriptor): Entry => ({ descriptor, row: rows.get(descriptor.digest) });
  return { entries: manifests.map(entry), inner: inner.map(entry) };
}

async function areThere(entries: readonly Entry[], isThere: ShipmentOptions["isThere"]): Promise<boolean> {
  for (const { descriptor, row } of entries) {
    if (row === undefined && !(await isThere(descriptor.digest))) return false;
  }
  return true;
}

/** The image of an index that is sent in its place. */
function chosen(index: ImageIndex, { name, platform }: ShipmentOptions): IndexPlatform & { readonly imageID: Digest } {
  const present = presentIn(index.platforms);
  const best = bestFor(platform ?? hostPlatform, present, (each) => each.platform);
  if (best !== undefined) return best;
  if (platform !== undefined) throw notProvided(name, index, platform);
  const [only, another] = present;
  if (only !== undefined && another === undefined) return only;
  throw new BerthError("conflict", "multiple matching manifests found but no specific platform requested", {
    hint: `Not all of the image is here: \`--platform\` pushes one of ${present.map((each) => platformText(each.platform)).join(", ")}, and \`berth pull\` with \`--platform\` fetches another.`,
  });
}

/** An index in an index, as that names it. */
function innerIndex({ descriptor }: Entry, row: EntryRow): ShippedManifest {
  const { digest, mediaType = indexType } = descriptor;
  return { digest, mediaType, size: row.manifest.length, bytes: wholeManifest(digest, row) };
}

/** @throws {BerthError} data-loss */
function wholeManifest(digest: Digest, row: EntryRow): Buffer {
  const bytes = Buffer.from(row.manifest);
  if (digestOf(bytes) !== digest) throw new BerthError("data-loss", `manifest ${digest} is damaged`);
  return bytes;
}

/** An image, or what attests to it, as its index names it. */
function entryImage(deps: ImageDeps, { descriptor }: Entry, row: EntryRow): ShippedImage {
  const { digest, mediaType = manifestType } = descriptor;
  const bytes = wholeManifest(digest, row);
  const { config, layers } = manifestIn(digest, bytes);
  const image = row.image_id === null ? undefined : getImage(deps, row.image_id);
  const diffIDs = image?.config.rootfs.diff_ids ?? [];
  const blobs = layers.map((layer, place) => {
    const diffID = diffIDs[place];
    if (diffID === undefined) return { ...keptBlob(deps, layer), id: shortID(layer.digest) };
    return packedBlob(deps, { ...layer, diffID });
  });
  const ownConfig = image === undefined ? keptBlob(deps, config) : bytesBlob(image.id, readConfig(deps, image.id));
  return {
    blobs: [...blobs.toReversed(), ownConfig],
    manifest: async () => ({ digest, mediaType, size: bytes.length, bytes }),
  };
}

function keptBlob({ content }: ImageDeps, { digest, size }: Descriptor): ShippedBlob {
  return { digest, size, body: () => ({ bytes: content.read(digest), digest: () => digest }) };
}
