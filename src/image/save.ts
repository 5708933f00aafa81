import type { BatchOptions } from "../archive/tar-parts.ts";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { type DiffID, digestOf, hexOf } from "../oci/digest.ts";
import { matchesPlatform, type Platform } from "../oci/platform.ts";
import { familiar, familiarRepository, fullName, type Reference } from "../oci/reference.ts";
import { archiveLength } from "../snapshot/layer-archive.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import { type ArchiveFile, archiveOf, bytesFile, jsonFile } from "./archive-writer.ts";
import { type ManifestItem, manifestName } from "./archived-image.ts";
import { getImage, type Image, type ImageDeps, readConfig } from "./images.ts";
import { indexName } from "./layout-images.ts";
import { blobName } from "./layout-json.ts";
import { type Described, indexOf, layersOf, platformSaved, savedWhole, timeOf, unsuitable } from "./save-whole.ts";
import { type NamedImage, namesSaved } from "./saved-names.ts";

/** How images are saved. */
export interface SaveOptions extends Operation, BatchOptions {
  /**
   * `docker`, an OCI layout with Docker's `manifest.json` in it, which both take; or `oci`, the layout alone. An image for
   * several platforms is one of them in the first, and its index as it came in the second.
   */
  readonly format?: "docker" | "oci";
  /** Images for other platforms are refused; for any platform when empty or absent. One alone is saved without its index. */
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
 * @throws {BerthError} not-found; failed-precondition, when an image is for another platform; invalid-argument, for several
 *   platforms in Docker's format; data-loss
 * @see moby tarexport save.go
 */
export async function* saveImages(
  deps: ImageDeps,
  names: readonly string[],
  options: SaveOptions = {},
): AsyncGenerator<Uint8Array> {
  const { format = "docker", platforms = [] } = options;
  const named = namesSaved(deps, names);
  const wholes = format === "oci" ? named.flatMap((each) => savedWhole(deps, each, options) ?? []) : [];
  const whole = new Set(wholes.map(({ named }) => named));
  const images = named.filter((each) => !whole.has(each)).map((each) => describe(deps, each, platforms));
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
  for (const { files: own } of wholes) for (const file of own) add(file);
  add(jsonFile(indexName, listOf([...described(images, manifests), ...wholes])));
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

function describe(deps: ImageDeps, named: NamedImage, platforms: readonly Platform[]): SavedImage {
  const image = imageSaved(deps, named, platforms);
  if (image.config.rootfs.diff_ids.length === 0) {
    throw new BerthError("unimplemented", "empty export - not implemented");
  }
  return {
    image,
    references: named.references,
    layers: layersOf(deps, image),
    config: readConfig(deps, image.id),
  };
}

/** The one that is asked for of an image for several platforms, or that stands for it. */
function imageSaved(deps: ImageDeps, { id, index }: NamedImage, platforms: readonly Platform[]): Image {
  const [platform, another] = platforms;
  const image = getImage(deps, id);
  if (index === undefined || platform === undefined) return checkPlatform(image, platforms);
  if (another === undefined) return getImage(deps, platformSaved(indexOf(deps, index), platform).imageID);
  throw new BerthError("invalid-argument", "Docker's archive has an image for one platform only", {
    hint: "`berth save --format oci` takes several.",
  });
}

function checkPlatform(image: Image, platforms: readonly Platform[]): Image {
  if (platforms.length === 0 || platforms.some((each) => matchesPlatform(each, image.config))) return image;
  throw unsuitable(platforms);
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

function described(images: readonly SavedImage[], manifests: readonly Buffer[]): readonly Described[] {
  return images.map(({ references }, index) => {
    const bytes = manifests[index] ?? Buffer.alloc(0);
    return { references, descriptor: { mediaType: manifestType, digest: digestOf(bytes), size: bytes.length } };
  });
}

function listOf(images: readonly Described[]): unknown {
  const descriptors = images.flatMap(({ references, descriptor }) => {
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

const blobFile = (bytes: Buffer): ArchiveFile => bytesFile(blobName(digestOf(bytes)), bytes);
