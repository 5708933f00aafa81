import type { BatchOptions } from "../archive/tar-parts.ts";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { digestOf } from "../oci/digest.ts";
import type { LayerCompression } from "../oci/image-index.ts";
import { matchesPlatform, type Platform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import { type Described, dockerLists, type ListedImage, layoutLists } from "./archive-lists.ts";
import { type ArchiveFile, archiveOf, bytesFile } from "./archive-writer.ts";
import { getImage, type Image, type ImageDeps, readConfig } from "./images.ts";
import { blobName } from "./layout-json.ts";
import { manifestOf, manifestThatCame, packedBytes, plainLayers } from "./manifests.ts";
import { type ImageManifest, ociManifest } from "./oci-manifest.ts";
import { isBuilt, savedShipped } from "./save-shipped.ts";
import {
  indexOf,
  layersOf,
  platformSaved,
  type SavedWhole,
  savedWhole,
  severalPlatforms,
  timeOf,
  unsuitable,
} from "./save-whole.ts";
import { type NamedImage, namesSaved } from "./saved-names.ts";
import type { ImageForm } from "./shipped-image.ts";

/** How images are saved. */
export interface SaveOptions extends Operation, BatchOptions {
  /**
   * `docker`, an OCI layout with Docker's `manifest.json` in it, which both take; or `oci`, the layout alone. An image for
   * several platforms is one of them in the first, and its index as it came in the second.
   */
  readonly format?: "docker" | "oci";
  /**
   * How layers are compressed in an OCI layout, or with a `form` in Docker's archive. The manifests are those of `manifestOf` then: what a push sends. When absent
   * an image comes out as it came in, by its index or manifest; layers of one that was made here aren't compressed.
   */
  readonly compression?: LayerCompression;
  /** What each image is to be beside that: with `compression`, and not for an index that came in. */
  readonly form?: Omit<ImageForm, "compression">;
  /** Images for other platforms are refused; for any platform when empty or absent. One alone is saved without its index. */
  readonly platforms?: readonly Platform[];
  /** Names that the images have in the archive, in place of those that they were asked for by. */
  readonly references?: readonly Reference[];
  /** Told of each image what its manifest or index in the archive is known by, before any byte comes. */
  readonly onDescribed?: (descriptor: Described["descriptor"]) => void;
}

/** An image, and the names that it is saved under. */
interface SavedImage {
  readonly image: Image;
  readonly references: readonly Reference[];
  readonly config: Buffer;
  readonly manifest: ImageManifest;
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
  const { format = "docker", compression, references, onDescribed = () => undefined } = options;
  const asked = namesSaved(deps, names);
  const named = references === undefined ? asked : asked.map((each) => ({ ...each, references }));
  checkCompression(named, options, (each) => isBuilt(deps, each));
  const asCame = format === "oci" && compression === undefined;
  const wholes = asCame
    ? named.flatMap((each) => savedWhole(deps, each, options) ?? [])
    : await formed(deps, named, options);
  const whole = new Set(wholes.map(({ named }) => named));
  const images: SavedImage[] = [];
  for (const each of named.filter((one) => !whole.has(one))) images.push(await describe(deps, each, options));
  const files = new Map<string, ArchiveFile>();
  const add = (file: ArchiveFile): void => void (files.has(file.name) || files.set(file.name, file));
  for (const { image, config, manifest } of images) {
    const time = timeOf(image);
    for (const layer of manifest.layers) {
      add({ name: blobName(layer.digest), time, size: layer.size, open: () => packedBytes(deps, layer, options) });
    }
    add({ ...blobFile(config), time });
    add(blobFile(manifest.bytes));
  }
  for (const { files: own } of wholes) for (const file of own) add(file);
  const inLayout = [...images.map(described), ...wholes];
  for (const { descriptor } of inLayout) onDescribed(descriptor);
  for (const file of layoutLists(inLayout)) add(file);
  const inList = [...images.map(listed), ...wholes.flatMap((whole) => whole.listed ?? [])];
  if (format === "docker") for (const file of dockerLists(inList)) add(file);
  yield* archiveOf([...files.values()]);
}

/** Those that are saved in a form of their own. */
async function formed(
  deps: ImageDeps,
  named: readonly NamedImage[],
  { format, compression, form, platforms = [], reuse: _, ...operation }: SaveOptions,
): Promise<readonly SavedWhole[]> {
  if (compression === undefined || platforms.length > 0) return [];
  const isDocker = format !== "oci";
  const wholes: SavedWhole[] = [];
  for (const each of named) {
    if (form === undefined && (isDocker || !isBuilt(deps, each))) continue;
    // Docker's list has one image, which stands for an index.
    const saved = isDocker ? { ...each, index: undefined } : each;
    const whole = await savedShipped(deps, saved, { ...operation, form: { ...form, compression } });
    wholes.push({ ...whole, named: each });
  }
  return wholes;
}

/** @throws {BerthError} invalid-argument, where nothing can be compressed as is asked */
function checkCompression(
  named: readonly NamedImage[],
  { format = "docker", platforms = [], ...options }: SaveOptions,
  isAnyForm: (named: NamedImage) => boolean,
): void {
  const { compression } = options;
  if (compression === undefined) return;
  if (format === "docker" && compression !== "none" && options.form === undefined) {
    throw new BerthError("invalid-argument", "layers are not compressed in Docker's archive", {
      hint: `\`berth save --format oci\` compresses each layer; or compress the whole archive: \`berth save … | ${compression}\``,
    });
  }
  if (format === "oci" && platforms.length !== 1 && named.some((each) => each.index !== undefined && !isAnyForm(each)))
    throw severalPlatforms();
}

async function describe(deps: ImageDeps, named: NamedImage, options: SaveOptions): Promise<SavedImage> {
  const image = imageSaved(deps, named, options.platforms ?? []);
  if (image.config.rootfs.diff_ids.length === 0 && options.format !== "oci") {
    throw new BerthError("unimplemented", "empty export - not implemented");
  }
  const config = readConfig(deps, image.id);
  return { image, references: named.references, config, manifest: await manifestSaved(deps, image, options) };
}

async function manifestSaved(
  deps: ImageDeps,
  image: Image,
  { format, compression, platforms: _platforms, reuse: _reuse, form: _form, ...operation }: SaveOptions,
): Promise<ImageManifest> {
  if (format === "oci" && compression !== undefined)
    return await manifestOf(deps, image, { ...operation, compression });
  const came = format === "oci" ? manifestThatCame(deps, image) : undefined;
  if (came !== undefined) return came;
  const config = { digest: image.id, size: readConfig(deps, image.id).length };
  return ociManifest(config, await plainLayers(deps, layersOf(deps, image)));
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

function described({ references, manifest: { mediaType, digest, bytes } }: SavedImage): Described {
  return { references, descriptor: { mediaType, digest, size: bytes.length } };
}

function listed({ image, references, manifest: { layers } }: SavedImage): ListedImage {
  return { config: image.id, references, parent: image.parent, layers };
}

const blobFile = (bytes: Buffer): ArchiveFile => bytesFile(blobName(digestOf(bytes)), bytes);
