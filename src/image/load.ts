import { BerthError, messageOf } from "../base/errors.ts";
import { shortID } from "../base/ids.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import type { Database } from "../metadata/database.ts";
import { type DiffID, type Digest, digestOf } from "../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../oci/image-config.ts";
import { hostPlatform, matchesPlatform, type Platform } from "../oci/platform.ts";
import { familiar, parseReference, type Reference } from "../oci/reference.ts";
import { tooDeep } from "../snapshot/overlay-mount.ts";
import type { LayerArchive } from "../snapshot/unpack-layer.ts";
import { type ArchiveFiles, type ArchiveSource, openArchiveFiles } from "./archive-files.ts";
import { readBlob, sizeOf } from "./archive-json.ts";
import {
  type ArchivedEntry,
  type ArchivedImage,
  type ArchivedIndex,
  type Blob,
  dockerImages,
  manifestName,
} from "./archived-image.ts";
import { collectBlobs } from "./collect-blobs.ts";
import { type ImageDeps, pointReference, storeConfig, storeConfigs } from "./images.ts";
import { type NewEntry, recordIndex } from "./index-records.ts";
import { hasIndex, indexName, type LayoutContents, layoutImages } from "./layout-images.ts";
import { resolveTarget, type Target } from "./resolve.ts";

/** What {@link loadImages} takes beside the archive. */
export interface LoadOptions extends Operation {
  /** Only images for these; for any platform when empty or absent. */
  readonly platforms?: readonly Platform[];
}

/** An image that came in. */
export interface LoadedImage {
  /** Of an image for several platforms that of the one that stands for it. */
  readonly id: Digest;
  /** Digest of its index, where it is one for several platforms. */
  readonly index?: Digest;
  /** Its names in the archive, as Docker shows them. */
  readonly references: readonly string[];
  /** Which of them pointed to another image before, and to which. */
  readonly moved: readonly { readonly reference: string; readonly from: Digest }[];
}

/**
 * Read the images of an archive, compressed or not: Docker's (of any age that has a `manifest.json`), or an OCI layout, which
 * may be a directory too. Every digest and size that it tells is checked. Layers keep the bytes that they came with. An image
 * for several platforms comes with all that the archive has of it.
 *
 * @returns each image when it is in the store
 * @throws {BerthError} invalid-argument, for what is no such archive; not-found, when an image isn't there for `platforms`
 */
export async function* loadImages(
  deps: ImageDeps,
  source: ArchiveSource,
  options: LoadOptions = {},
): AsyncGenerator<LoadedImage> {
  await using files = await openArchiveFiles(source, () => deps.snapshotter.scratch());
  const { images, indexes } = await imagesIn(files, options.platforms ?? []);
  // Layers of an index are read again where they are compressed, and kept.
  const uses = usesOf([...images, ...indexes.flatMap(({ entries }) => [...entries, ...entries])]);
  const loader = new ImageLoader(deps, { files, uses }, options);
  for (const image of images) {
    const loaded = await loadOrForget(deps, () => loader.load(image));
    if (loaded !== undefined) yield loaded;
  }
  for (const index of indexes) {
    const loaded = await loadOrForget(deps, () => loader.loadIndex(index));
    if (loaded !== undefined) yield loaded;
  }
}

/** An image that can't be loaded leaves nothing behind. */
async function loadOrForget<T>(deps: ImageDeps, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    await deps.snapshotter.flush();
    await deps.snapshotter.collect();
    await collectBlobs(deps);
    throw error;
  }
}

async function imagesIn(files: ArchiveFiles, platforms: readonly Platform[]): Promise<LayoutContents> {
  const isDocker = (await files.size(manifestName)) !== undefined;
  // Docker's own list knows one platform of an image.
  if (isDocker && !(await hasIndex(files))) return { images: await dockerImages(files), indexes: [] };
  if ((await files.size(indexName)) !== undefined) return await layoutImages(files, platforms);
  throw new BerthError("invalid-argument", `invalid archive: does not contain a ${manifestName}`, {
    hint: "`berth load` takes what `save` writes; `berth import` takes the archive of a file system.",
  });
}

/** How often layers are still to be read. */
type Uses = Map<string, number>;

function usesOf(images: readonly Pick<ArchivedImage, "layers">[]): Uses {
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
    const unpacked = await this.#unpack(image);
    if (unpacked === undefined) return undefined;
    const references = image.references.map(parseTagged);
    const before = namedBefore(this.#deps.db, references);
    const { id } = await storeConfig(this.#deps, unpacked.bytes, { references });
    return { id, ...movedFrom(before, { id, index: undefined }) };
  }

  /** @returns undefined, when nothing of it is for the platforms that were asked for */
  async loadIndex({ index, references, entries }: ArchivedIndex): Promise<LoadedImage | undefined> {
    const names = references.map(parseTagged);
    await using held = new AsyncDisposableStack();
    const loaded: LoadedEntry[] = [];
    for (const entry of entries) loaded.push(...(await this.#entry(entry, held)));
    const configs = loaded.flatMap(({ config }) => (config === undefined ? [] : { bytes: config }));
    if (configs.length === 0) return undefined;
    const before = namedBefore(this.#deps.db, names);
    let now: Target = { id: index.digest, index: index.digest };
    await storeConfigs(this.#deps, configs, (sql) => {
      now = { ...now, id: recordIndex(sql, { ...index, entries: loaded }) };
      for (const name of names) pointReference(sql, name, now);
    });
    return { id: now.id, index: index.digest, ...movedFrom(before, now) };
  }

  /** Bring in a manifest of an index; none, when it is for another platform than was asked for. */
  async #entry({ isImage, ...entry }: ArchivedEntry, held: AsyncDisposableStack): Promise<readonly LoadedEntry[]> {
    const image = isImage ? await this.#unpack(entry) : undefined;
    if (isImage && image === undefined) return [];
    const blobs = blobsBeside(entry, image?.config);
    for (const blob of blobs) await this.#keep(blob, held);
    for (const { name } of entry.layers) await this.#used(name);
    const { digest, manifest, platform = image?.config } = entry;
    const imageID = image === undefined ? undefined : digestOf(image.bytes);
    return [{ digest, manifest, platform, imageID, blobs, config: image?.bytes }];
  }

  /** Unpack the layers of an image. @returns its config; undefined, when it is for another platform than was asked for */
  async #unpack(image: Pick<ArchivedImage, "config" | "layers">): Promise<Unpacked | undefined> {
    const bytes = await readBlob(this.#files, image.config);
    const config = configOf(image.config.name, bytes);
    const { platforms = [] } = this.#options;
    if (platforms.length > 0 && !platforms.some((each) => matchesPlatform(each, config))) return undefined;
    const { diff_ids } = config.rootfs;
    if (diff_ids.length !== image.layers.length) {
      const message = `invalid manifest, layers length mismatch: expected ${image.layers.length}, got ${diff_ids.length}`;
      throw new BerthError("invalid-argument", message);
    }
    if (diff_ids.length > limits.layers) throw tooDeep(diff_ids.length);
    await this.#layers(image.layers, diff_ids);
    return { bytes, config };
  }

  async #layers(blobs: readonly Blob[], diffIDs: readonly DiffID[]): Promise<void> {
    const archives: LayerArchive[] = [];
    for (const [index, diffID] of diffIDs.entries()) {
      const blob = blobs[index];
      if (blob !== undefined) archives.push(await this.#archive(blob, { diffID, name: `layer ${index}` }));
    }
    await this.#deps.snapshotter.unpack(undefined, archives, this.#options);
  }

  async #archive({ name, digest, size }: Blob, layer: Pick<LayerArchive, "diffID" | "name">): Promise<LayerArchive> {
    const found = await this.#files.size(name);
    return {
      ...layer,
      ...(digest === undefined ? {} : { blob: { name, digest } }),
      ...(found === undefined ? {} : { size: found }),
      open: () => this.#read({ name, ...(size === undefined ? {} : { size }) }, layer.diffID),
      release: () => this.#used(name),
    };
  }

  /** What was staged is dropped before the layers are synced: it need not reach the disk. */
  async #used(name: string): Promise<void> {
    const left = (this.#uses.get(name) ?? 1) - 1;
    this.#uses.set(name, left);
    if (left === 0) await this.#files.release(name);
  }

  /** Store a blob as it is in the archive, held until its record is there. */
  async #keep({ name, digest }: Required<Blob>, held: AsyncDisposableStack): Promise<void> {
    held.use(await this.#deps.snapshotter.holdBlob(digest));
    this.#options.signal?.throwIfAborted();
    await this.#deps.content.store(digest, () => this.#files.open(name));
  }

  /** A layer as it is in the archive. */
  async *#read(blob: Blob, diffID: DiffID): AsyncGenerator<Uint8Array> {
    const total = await sizeOf(this.#files, blob);
    let current = 0;
    for await (const chunk of this.#files.open(blob.name)) {
      current += chunk.length;
      this.#options.report?.({ kind: "bytes", id: shortID(diffID), name: "Loading layer", current, total });
      yield chunk;
    }
  }
}

/** A manifest of an index whose layers and blobs are in the store. */
interface LoadedEntry extends NewEntry {
  /** Of an image. */
  readonly config: Buffer | undefined;
}

/** An image whose layers are in the store. */
interface Unpacked {
  readonly bytes: Buffer;
  readonly config: ImageConfig;
}

/** What can't be made again from the layers: those that are compressed, and all of what is no image. */
function blobsBeside(
  { config, layers }: Pick<ArchivedEntry, "config" | "layers">,
  image: ImageConfig | undefined,
): readonly Required<Blob>[] {
  const kept = image === undefined ? [config, ...layers] : layers.filter(isPacked(image));
  return [...new Map(kept.map((blob) => [blob.digest, blob])).values()];
}

const isPacked =
  ({ rootfs }: ImageConfig) =>
  ({ digest }: Required<Blob>, index: number): boolean =>
    digest !== rootfs.diff_ids[index];

/** What names pointed to before. */
type Before = ReadonlyMap<string, Target | undefined>;

function namedBefore(db: Database, references: readonly Reference[]): Before {
  return db.read((sql) => new Map(references.map((each) => [familiar(each), resolveTarget(sql, familiar(each))])));
}

/** An index that has more platforms now is still the same. */
function movedFrom(before: Before, now: Target): Pick<LoadedImage, "references" | "moved"> {
  const moved = [...before].flatMap(([reference, from]) => {
    const isSame = from?.index === now.index && (now.index !== undefined || from?.id === now.id);
    return from === undefined || isSame ? [] : [{ reference, from: from.id }];
  });
  return { references: [...before.keys()], moved };
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
