import type { BatchOptions } from "../archive/tar-parts.ts";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { chainIDs, type DiffID, type Digest, digestOf, hexOf } from "../oci/digest.ts";
import { matchesPlatform, type Platform, platformText } from "../oci/platform.ts";
import { familiar, familiarRepository, fullName, type Reference } from "../oci/reference.ts";
import { archiveLength } from "../snapshot/layer-archive.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import { type ArchiveFile, archiveOf, bytesFile, jsonFile } from "./archive-writer.ts";
import { type ManifestItem, manifestName } from "./archived-image.ts";
import { getImage, type Image, type ImageDeps, readConfig } from "./images.ts";
import { indexName } from "./layout-images.ts";
import { namesSaved } from "./saved-names.ts";

/** How images are saved. */
export interface SaveOptions extends Operation, BatchOptions {
  /** `docker`, an OCI layout with Docker's `manifest.json` in it, which both take; or `oci`, the layout alone. */
  readonly format?: "docker" | "oci";
  /** Images for other platforms are refused; for any platform when empty or absent. */
  readonly platforms?: readonly Platform[];
}

const layerType = "application/vnd.oci.image.layer.v1.tar";
const configType = "application/vnd.oci.image.config.v1+json";
const manifestType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";

/** An image, and the names that it is saved under. */
interface SavedImage {
  readonly image: Image;
  readonly references: readonly Reference[];
  readonly layers: readonly Layer[];
  readonly config: Buffer;
}

/**
 * Write images as one archive, each layer once and with its own bytes. Equal images and names give equal bytes. A name
 * without a tag stands for all tags of its repository, as in Docker.
 *
 * @throws {BerthError} not-found; failed-precondition, when an image is for another platform; data-loss
 * @see moby tarexport save.go
 */
export async function* saveImages(
  deps: ImageDeps,
  names: readonly string[],
  options: SaveOptions = {},
): AsyncGenerator<Uint8Array> {
  const { format = "docker", platforms = [] } = options;
  const images = namesSaved(deps, names).map(({ id, references }) => describe(deps, id, references));
  for (const { image } of images) checkPlatform(image, platforms);
  const lengths = await layerLengths(deps, images);
  const manifests = images.map((saved) => Buffer.from(JSON.stringify(manifestOf(saved, lengths))));
  const files = new Map<string, ArchiveFile>();
  const add = (file: ArchiveFile): void => void (files.has(file.name) || files.set(file.name, file));
  for (const [index, saved] of images.entries()) {
    const time = timeOf(saved.image);
    for (const layer of saved.layers) {
      const name = blobName(layer.diffID);
      add({ name, time, size: lengths.get(layer.diffID) ?? 0, open: () => deps.snapshotter.archive(layer, options) });
    }
    add({ ...blobFile(saved.config), time });
    add(blobFile(manifests[index] ?? Buffer.alloc(0)));
  }
  add(jsonFile(indexName, indexOf(images, manifests)));
  add(bytesFile("oci-layout", Buffer.from('{"imageLayoutVersion": "1.0.0"}')));
  if (format === "docker") {
    add(
      jsonFile(
        manifestName,
        images.map((saved) => itemOf(saved, lengths)),
        "\n",
      ),
    );
    const repositories = repositoriesOf(images);
    if (Object.keys(repositories).length > 0) add(jsonFile("repositories", repositories, "\n"));
  }
  yield* archiveOf([...files.values()]);
}

function describe(deps: ImageDeps, id: Digest, references: readonly Reference[]): SavedImage {
  const image = getImage(deps, id);
  if (image.config.rootfs.diff_ids.length === 0) {
    throw new BerthError("unimplemented", "empty export - not implemented");
  }
  const layers = chainIDs(image.config.rootfs.diff_ids).map((chain) => {
    const layer = deps.snapshotter.find(chain);
    if (layer === undefined) throw new BerthError("data-loss", `layer ${chain} of ${id} is missing`);
    return layer;
  });
  return { image, references, layers, config: readConfig(deps, id) };
}

function checkPlatform({ config }: Image, platforms: readonly Platform[]): void {
  if (platforms.length === 0 || platforms.some((each) => matchesPlatform(each, config))) return;
  const wanted = platforms.map(platformText).join(", ");
  throw new BerthError("failed-precondition", `no suitable export target found for platform ${wanted}`);
}

async function layerLengths(deps: ImageDeps, images: readonly SavedImage[]): Promise<ReadonlyMap<DiffID, number>> {
  const lengths = new Map<DiffID, number>();
  for (const layer of images.flatMap(({ layers }) => layers)) {
    if (lengths.has(layer.diffID)) continue;
    lengths.set(layer.diffID, await archiveLength((each) => deps.snapshotter.archive(each), layer));
  }
  return lengths;
}

function manifestOf({ image, layers, config }: SavedImage, lengths: ReadonlyMap<DiffID, number>): unknown {
  return {
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: configType, digest: image.id, size: config.length },
    layers: layers.map(({ diffID }) => ({ mediaType: layerType, digest: diffID, size: lengths.get(diffID) })),
  };
}

function indexOf(images: readonly SavedImage[], manifests: readonly Buffer[]): unknown {
  const descriptors = images.flatMap(({ references }, index) => {
    const bytes = manifests[index] ?? Buffer.alloc(0);
    const descriptor = { mediaType: manifestType, digest: digestOf(bytes), size: bytes.length };
    if (references.length === 0) return [descriptor];
    return references.map((reference) => ({
      ...descriptor,
      annotations: {
        "io.containerd.image.name": fullName(reference),
        "org.opencontainers.image.ref.name": reference.tag,
      },
    }));
  });
  return { schemaVersion: 2, mediaType: indexType, manifests: descriptors };
}

function itemOf({ image, references, layers }: SavedImage, lengths: ReadonlyMap<DiffID, number>): ManifestItem {
  const sources = new Map<DiffID, object>();
  for (const { diffID } of layers) {
    sources.set(diffID, { mediaType: layerType, size: lengths.get(diffID), digest: diffID });
  }
  const item = {
    Config: blobName(image.id),
    RepoTags: references.length === 0 ? null : references.map(familiar),
    Layers: layers.map(({ diffID }) => blobName(diffID)),
    LayerSources: Object.fromEntries([...sources].sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  return item;
}

/** What Docker of before 2015 read: repository, tag, topmost layer. */
function repositoriesOf(images: readonly SavedImage[]): Readonly<Record<string, Record<string, string>>> {
  const repositories = new Map<string, Record<string, string>>();
  for (const { references, layers } of images) {
    for (const reference of references) {
      const name = familiarRepository(reference);
      const top = layers.at(-1)?.diffID;
      repositories.set(name, { ...repositories.get(name), [reference.tag ?? ""]: top === undefined ? "" : hexOf(top) });
    }
  }
  return Object.fromEntries([...repositories].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const blobName = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;

const blobFile = (bytes: Buffer): ArchiveFile => bytesFile(blobName(digestOf(bytes)), bytes);

/** Seconds since the epoch when the image was made; 0 where it doesn't say or before that. */
function timeOf({ config }: Image): number {
  const milliseconds = Date.parse(config.created ?? "");
  return Number.isNaN(milliseconds) ? 0 : Math.max(0, Math.floor(milliseconds / 1000));
}
