import { BerthError, isKind } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type Descriptor, kindOf } from "../oci/image-index.ts";
import type { Platform } from "../oci/platform.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { readBlob } from "./archive-json.ts";
import { type ArchivedImage, type ArchivedManifest, dockerImages, manifestName } from "./archived-image.ts";
import { indexName, type LayoutContents, layoutImages } from "./layout-images.ts";
import { descriptorsIn, readManifest } from "./layout-json.ts";

/**
 * The images of an archive: of Docker's list, or of an OCI layout. Where it has both, an image for several platforms comes by the
 * layout, for Docker's list knows one of them; else all come by the list, and with the manifests that the layout has of them.
 *
 * @throws {BerthError} invalid-argument, for what is neither; as {@link dockerImages} and {@link layoutImages}
 */
export async function imagesIn(files: ArchiveFiles, platforms: readonly Platform[]): Promise<LayoutContents> {
  const isDocker = (await files.size(manifestName)) !== undefined;
  const isLayout = (await files.size(indexName)) !== undefined;
  if (isDocker) {
    const list = isLayout ? await unlessMalformed(() => layoutList(files)) : undefined;
    if (list === undefined) return { images: await dockerImages(files), indexes: [] };
    if (!list.some((each) => kindOf(each) === "index")) {
      return { images: await withManifests(files, await dockerImages(files), list), indexes: [] };
    }
  }
  if (isLayout) return await layoutImages(files, platforms);
  throw new BerthError("invalid-argument", `invalid archive: does not contain a ${manifestName}`, {
    hint: "`berth load` takes what `save` writes; `berth import` takes the archive of a file system.",
  });
}

async function layoutList(files: ArchiveFiles): Promise<readonly Descriptor[]> {
  return descriptorsIn(indexName, await readBlob(files, { name: indexName }));
}

/**
 * Images with the manifests that a layout in the same archive has of them. One whose layers are all plain was made for the archive,
 * and no registry has it. What is malformed or contradicts Docker's list is passed over.
 */
async function withManifests(
  files: ArchiveFiles,
  images: readonly ArchivedImage[],
  list: readonly Descriptor[],
): Promise<readonly ArchivedImage[]> {
  const manifests = new Map<string, ArchivedManifest>();
  for (const descriptor of list.filter((each) => kindOf(each) === "manifest").slice(0, limits.manifests)) {
    const found = await unlessMalformed(() => readManifest(files, descriptor));
    if (found?.isPacked === true) manifests.set(found.config.name, found.manifest);
  }
  const all: ArchivedImage[] = [];
  for (const image of images) {
    const manifest = manifests.get(image.config.name);
    const isSame = manifest !== undefined && (await hasLayers(files, image, manifest));
    all.push(isSame ? { ...image, layers: manifest.layers, manifest } : image);
  }
  return all;
}

/** Whether an image has the layers of a manifest, and those are as long as it says. */
async function hasLayers(files: ArchiveFiles, image: ArchivedImage, { layers }: ArchivedManifest): Promise<boolean> {
  if (layers.length !== image.layers.length) return false;
  for (const [index, { name, size }] of layers.entries()) {
    if (image.layers[index]?.name !== name || (await files.size(name)) !== size) return false;
  }
  return true;
}

async function unlessMalformed<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (isKind(error, "invalid-argument")) return undefined;
    throw error;
  }
}
