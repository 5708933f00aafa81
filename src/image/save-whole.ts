import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { chainIDs, type Digest, digestOf } from "../oci/digest.ts";
import { attestedBy, type Descriptor } from "../oci/image-index.ts";
import { bestFor, type Platform, platformText } from "../oci/platform.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import type { Described, ListedImage } from "./archive-lists.ts";
import { type ArchiveFile, bytesFile } from "./archive-writer.ts";
import { getImage, type Image, type ImageDeps, noSuchImage, readConfig } from "./images.ts";
import { type EntryRow, entryRows, namedIn, presentIn } from "./index-records.ts";
import { findIndex, type ImageIndex, type IndexPlatform, readIndex } from "./indexes.ts";
import { blobName, manifestIn } from "./layout-json.ts";
import type { NamedImage } from "./saved-names.ts";

/** An image that is saved as it came: its index, or one manifest of that. */
export interface SavedWhole extends Described {
  readonly named: NamedImage;
  readonly files: readonly ArchiveFile[];
  /** For Docker's list; absent for what it can't have. */
  readonly listed?: ListedImage;
}

/**
 * An image for several platforms as it came, with those of `platforms`, or with all that is here; undefined for any other
 * image. For one platform it is the manifest of that alone, which every reader takes, as Docker does it.
 *
 * @throws {BerthError} failed-precondition, when it isn't here for one of `platforms`; data-loss
 */
export function savedWhole(
  deps: ImageDeps,
  named: NamedImage,
  { platforms = [], ...operation }: Operation & { readonly platforms?: readonly Platform[] },
): SavedWhole | undefined {
  if (named.index === undefined) return undefined;
  const bytes = readIndex(deps, named.index);
  const index = indexOf(deps, named.index);
  const rows = deps.db.read((sql) => entryRows(sql, index.digest));
  const { manifests, inner } = namedIn(bytes, rows);
  const chosen = new Set<string>(platforms.map((platform) => platformSaved(index, platform).manifest));
  const indexes = new Set<string>(inner.map(({ digest }) => digest));
  const [lists, others] = [
    rows.filter((row) => indexes.has(row.digest)),
    rows.filter((row) => !indexes.has(row.digest)),
  ];
  const wanted = others.filter((row) => chosen.size === 0 || chosen.has(aboutOf(row, manifests)));
  const files = (list: readonly EntryRow[]): ArchiveFile[] => list.flatMap((row) => filesOf(deps, row, operation));
  const { references } = named;
  const only = platforms.length === 1 ? wanted.find(({ digest }) => chosen.has(digest)) : undefined;
  if (only !== undefined) {
    const { mediaType = "" } = manifests.find(({ digest }) => digest === only.digest) ?? {};
    const descriptor = { mediaType, digest: only.digest, size: only.manifest.length };
    return { named, references, descriptor, files: files([only]) };
  }
  const descriptor = { mediaType: index.mediaType, digest: index.digest, size: bytes.length };
  const own = [
    bytesFile(blobName(index.digest), bytes),
    ...lists.map((row) => bytesFile(blobName(row.digest), bytesIn(row))),
  ];
  return { named, references, descriptor, files: [...own, ...files(wanted)] };
}

/** The manifest itself, or the one that it attests to. */
function aboutOf({ digest }: EntryRow, manifests: readonly Descriptor[]): string {
  const descriptor = manifests.find((each) => each.digest === digest);
  return (descriptor === undefined ? undefined : attestedBy(descriptor)) ?? digest;
}

/** The image of an index for a platform. @throws {BerthError} failed-precondition, in Docker's words */
export function platformSaved(index: ImageIndex, platform: Platform): IndexPlatform & { readonly imageID: Digest } {
  const present = presentIn(index.platforms);
  const best = bestFor(platform, present, (each) => each.platform);
  if (best !== undefined) return best;
  const there = present.map((each) => platformText(each.platform)).join(", ");
  throw unsuitable([platform], `The store has it for ${there}.`);
}

/** An image for several platforms by its digest. @throws {BerthError} not-found */
export function indexOf(deps: ImageDeps, digest: Digest): ImageIndex {
  const index = findIndex(deps, digest);
  if (index === undefined) throw noSuchImage(digest);
  return index;
}

/** Docker's error for a platform that an image isn't for. */
export function unsuitable(platforms: readonly Platform[], hint?: string): BerthError {
  const wanted = platforms.map(platformText).join(", ");
  const message = `no suitable export target found for platform ${wanted}`;
  return new BerthError("failed-precondition", message, hint === undefined ? {} : { hint });
}

/** The error for what only an image for one platform can be: compressed anew. */
export function severalPlatforms(): BerthError {
  return new BerthError("invalid-argument", "an image for several platforms keeps the compression that it came with", {
    hint: "Pick one image of it by `--platform`, or leave `--compression` out.",
  });
}

function bytesIn({ digest, manifest }: EntryRow): Buffer {
  const bytes = Buffer.from(manifest);
  if (digestOf(bytes) !== digest) throw new BerthError("data-loss", `manifest ${digest} is damaged`);
  return bytes;
}

/** A manifest of an index, and what it points to. */
function filesOf(deps: ImageDeps, row: EntryRow, operation: Operation): readonly ArchiveFile[] {
  const bytes = bytesIn(row);
  const { config, layers } = manifestIn(row.digest, bytes);
  const manifest = bytesFile(blobName(row.digest), bytes);
  const kept = ({ digest, size }: Descriptor, time: number = 0): ArchiveFile => {
    return { name: blobName(digest), time, size, open: () => deps.content.read(digest) };
  };
  if (row.image_id === null) return [manifest, ...[config, ...layers].map((blob) => kept(blob))];
  const image = getImage(deps, row.image_id);
  const time = timeOf(image);
  const own = layersOf(deps, image);
  const archives = layers.map((blob, index) => {
    const layer = own[index];
    // A layer that came compressed is kept beside.
    if (layer === undefined || layer.diffID !== blob.digest) return kept(blob, time);
    const open = (): AsyncIterable<Uint8Array> => deps.snapshotter.archive(layer, operation);
    return { name: blobName(blob.digest), time, size: blob.size, open };
  });
  return [manifest, { ...bytesFile(blobName(image.id), readConfig(deps, image.id)), time }, ...archives];
}

/** The layers of an image, the bottom one first. @throws {BerthError} data-loss */
export function layersOf({ snapshotter }: ImageDeps, { id, config }: Image): readonly Layer[] {
  return chainIDs(config.rootfs.diff_ids).map((chain) => {
    const layer = snapshotter.find(chain);
    if (layer === undefined) throw new BerthError("data-loss", `layer ${chain} of ${id} is missing`);
    return layer;
  });
}

/** Seconds since the epoch when the image was made; 0 where it doesn't say or before that. */
export function timeOf({ config }: Image): number {
  const milliseconds = Date.parse(config.created ?? "");
  return Number.isNaN(milliseconds) ? 0 : Math.max(0, Math.floor(milliseconds / 1000));
}
