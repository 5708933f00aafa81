import { createHash } from "node:crypto";
import { decompress } from "../archive/decompress.ts";
import { BerthError, messageOf } from "../base/errors.ts";
import { shortID } from "../base/ids.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import { type ChainID, childChain, type DiffID, type Digest } from "../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../oci/image-config.ts";
import { hostPlatform, matchesPlatform, type Platform } from "../oci/platform.ts";
import { familiar, parseReference, type Reference } from "../oci/reference.ts";
import { tooDeep } from "../snapshot/overlay-mount.ts";
import { type ArchiveFiles, type ArchiveSource, openArchiveFiles } from "./archive-files.ts";
import { readBlob, sizeOf, wrongDigest } from "./archive-json.ts";
import { type ArchivedImage, type Blob, dockerImages, manifestName } from "./archived-image.ts";
import { type ImageDeps, storeConfig } from "./images.ts";
import { indexName, layoutImages } from "./layout-images.ts";

/** What {@link loadImages} takes beside the archive. */
export interface LoadOptions extends Operation {
  /** Only images for one of these; for any platform when empty or absent. */
  readonly platforms?: readonly Platform[];
}

/** An image that came in. */
export interface LoadedImage {
  readonly id: Digest;
  /** Its names in the archive, as Docker shows them. */
  readonly references: readonly string[];
  /** Which of them pointed to another image before, and to which. */
  readonly moved: readonly { readonly reference: string; readonly from: Digest }[];
}

/**
 * Read the images of an archive, compressed or not: Docker's (of any age that has a `manifest.json`), or an OCI layout, which
 * may be a directory too. Every digest and size that it tells is checked. Layers keep the bytes that they came with.
 *
 * @returns each image when it is in the store
 * @throws {BerthError} invalid-argument, for what is no such archive
 */
export async function* loadImages(
  deps: ImageDeps,
  source: ArchiveSource,
  options: LoadOptions = {},
): AsyncGenerator<LoadedImage> {
  await using files = await openArchiveFiles(source, () => deps.snapshotter.scratch());
  const images = await imagesIn(files, options.platforms ?? []);
  const loader = new ImageLoader(deps, { files, uses: usesOf(images) }, options);
  for (const image of images) {
    const loaded = await loadOrForget(deps, () => loader.load(image));
    if (loaded !== undefined) yield loaded;
  }
}

/** An image that can't be loaded leaves no layers behind. */
async function loadOrForget<T>(deps: ImageDeps, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    await deps.snapshotter.flush();
    await deps.snapshotter.collect();
    throw error;
  }
}

async function imagesIn(files: ArchiveFiles, platforms: readonly Platform[]): Promise<readonly ArchivedImage[]> {
  if ((await files.size(manifestName)) !== undefined) return await dockerImages(files);
  if ((await files.size(indexName)) !== undefined) return await layoutImages(files, platforms);
  throw new BerthError("invalid-argument", `invalid archive: does not contain a ${manifestName}`, {
    hint: "`berth load` takes what `save` writes; `berth import` takes the archive of a file system.",
  });
}

/** How often layers are still to be read. */
type Uses = Map<string, number>;

function usesOf(images: readonly ArchivedImage[]): Uses {
  const uses: Uses = new Map();
  for (const { layers } of images) for (const { name } of layers) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}

class ImageLoader {
  readonly #deps: ImageDeps;
  readonly #files: ArchiveFiles;
  readonly #uses: Uses;
  readonly #options: LoadOptions;

  constructor(deps: ImageDeps, archive: { readonly files: ArchiveFiles; readonly uses: Uses }, options: LoadOptions) {
    this.#deps = deps;
    this.#files = archive.files;
    this.#uses = archive.uses;
    this.#options = options;
  }

  /** @returns undefined, when it is for another platform than was asked for */
  async load(image: ArchivedImage): Promise<LoadedImage | undefined> {
    const bytes = await readBlob(this.#files, image.config);
    const config = configOf(image.config.name, bytes);
    const { platforms = [] } = this.#options;
    if (platforms.length > 0 && !platforms.some((each) => matchesPlatform(each, config))) return undefined;
    const references = image.references.map(parseTagged);
    const { diff_ids } = config.rootfs;
    if (diff_ids.length !== image.layers.length) {
      const message = `invalid manifest, layers length mismatch: expected ${image.layers.length}, got ${diff_ids.length}`;
      throw new BerthError("invalid-argument", message);
    }
    if (diff_ids.length > limits.layers) throw tooDeep(diff_ids.length);
    let parent: ChainID | undefined;
    for (const [index, blob] of image.layers.entries()) {
      const diffID = diff_ids[index];
      if (diffID !== undefined) parent = await this.#layer(blob, { parent, diffID, index });
    }
    const before = new Map(references.map((reference) => [familiar(reference), this.#imageAt(reference)]));
    const { id } = await storeConfig(this.#deps, bytes, { references });
    const moved = [...before].flatMap(([reference, from]) =>
      from === undefined || from === id ? [] : [{ reference, from }],
    );
    return { id, references: [...before.keys()], moved };
  }

  async #layer(
    blob: Blob,
    {
      parent,
      diffID,
      index,
    }: { readonly parent: ChainID | undefined; readonly diffID: DiffID; readonly index: number },
  ): Promise<ChainID> {
    const chain = childChain(parent, diffID);
    const { signal } = this.#options;
    if (this.#deps.snapshotter.find(chain) === undefined) {
      const total = await sizeOf(this.#files, blob);
      const open = (): AsyncIterable<Uint8Array> => decompress(this.#read(blob, { diffID, total }));
      const archive = { diffID, name: `layer ${index}`, open };
      await this.#deps.snapshotter.unpack(parent, archive, signal === undefined ? {} : { signal });
    }
    const left = (this.#uses.get(blob.name) ?? 1) - 1;
    this.#uses.set(blob.name, left);
    // What was staged is dropped before the layers are synced: it need not reach the disk.
    if (left === 0) await this.#files.release(blob.name);
    return chain;
  }

  /** A layer as it is in the archive. The digest of one that isn't compressed is its diffID, which is checked elsewhere. */
  async *#read(
    blob: Blob,
    { diffID, total }: { readonly diffID: DiffID; readonly total: number },
  ): AsyncGenerator<Uint8Array> {
    const hash = blob.digest === undefined || blob.digest === diffID ? undefined : createHash("sha256");
    let current = 0;
    for await (const chunk of this.#files.open(blob.name)) {
      hash?.update(chunk);
      current += chunk.length;
      this.#options.report?.({ kind: "bytes", id: shortID(diffID), name: "Loading layer", current, total });
      yield chunk;
    }
    if (hash === undefined) return;
    const found = `sha256:${hash.digest("hex")}`;
    if (found !== blob.digest) throw wrongDigest(blob, found);
  }

  #imageAt(reference: Reference): Digest | undefined {
    const row = this.#deps.db.read((sql) =>
      sql.get<{ image_id: Digest }>("SELECT image_id FROM image_reference WHERE reference = ?", familiar(reference)),
    );
    return row?.image_id;
  }
}

function configOf(name: string, bytes: Buffer): ImageConfig {
  let config: ImageConfig;
  try {
    config = parseImageConfig(bytes);
  } catch (error) {
    throw new BerthError("invalid-argument", `invalid archive: ${name}: ${messageOf(error)}`, { cause: error });
  }
  if (config.os === hostPlatform.os) return config;
  throw new BerthError("invalid-argument", `cannot load ${config.os} image on ${hostPlatform.os}`);
}

function parseTagged(text: string): Reference {
  const reference = parseReference(text);
  if (reference.tag === undefined || reference.digest !== undefined) {
    throw new BerthError("invalid-argument", `invalid tag ${JSON.stringify(text)}`);
  }
  return reference;
}
