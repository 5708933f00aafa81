import { BerthError } from "../base/errors.ts";
import { shortID } from "../base/ids.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import type { Database, Sql } from "../metadata/database.ts";
import { type DiffID, type Digest, digestOf } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import { hostPlatform, matchesPlatform, type Platform, platformsText, platformText } from "../oci/platform.ts";
import { familiar, parseReference, type Reference } from "../oci/reference.ts";
import { tooDeep } from "../snapshot/overlay-mount.ts";
import type { LayerArchive } from "../snapshot/unpack-layer.ts";
import { type ArchiveFiles, type ArchiveSource, openArchiveFiles } from "./archive-files.ts";
import { imagesIn } from "./archive-images.ts";
import { parseArchivedConfig, readBlob, sizeOf } from "./archive-json.ts";
import type { ArchivedEntry, ArchivedImage, ArchivedIndex, Blob } from "./archived-image.ts";
import { collectBlobs } from "./collect-blobs.ts";
import { type ImageDeps, pointReference, storeConfigs } from "./images.ts";
import { type NewEntry, recordIndex } from "./index-records.ts";
import { keepBlobs, type LayerBlob, verifyLayer } from "./keep-blobs.ts";
import { type NewManifest, recordManifest } from "./manifest-records.ts";
import { linkParents, type ParentLink } from "./parent-links.ts";
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
 * may be a directory too. Every digest and size that it tells is checked. Layers keep the bytes that they came with, and an image
 * the manifest that a layout has of it. An image for several platforms comes with all that the archive has of it.
 *
 * @returns each image when it is in the store
 * @throws {BerthError} invalid-argument, for what is no such archive; not-found, when an index, or all of the archive,
 *   has nothing for `platforms`
 */
export async function* loadImages(
  deps: ImageDeps,
  source: ArchiveSource,
  options: LoadOptions = {},
): AsyncGenerator<LoadedImage> {
  await using files = await openArchiveFiles(source, () => deps.snapshotter.scratch());
  const { platforms = [] } = options;
  const { images, indexes } = await imagesIn(files, platforms);
  const entries = indexes.flatMap((index) => index.entries);
  // Layers that came with a manifest are read again where they are compressed, and kept.
  const uses = usesOf([...images, ...images.flatMap(({ manifest }) => manifest ?? []), ...entries, ...entries]);
  const loader = new ImageLoader(deps, { files, uses }, options);
  const loads = [
    ...images.map((image) => () => loader.load(image)),
    ...indexes.map((index) => () => loader.loadIndex(index)),
  ];
  const loaded = new Set<string>();
  for (const load of loads) {
    const image = await loadOrForget(deps, load);
    if (image === undefined) continue;
    loaded.add(image.id);
    yield image;
  }
  if (loaded.size === 0 && platforms.length > 0) throw nothingFor(platforms, loader.passedOver);
  await linkParents(deps, loader.links, loaded);
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

/** How often layers are still to be read. */
type Uses = Map<string, number>;

function usesOf(images: readonly Pick<ArchivedImage, "layers">[]): Uses {
  const uses: Uses = new Map();
  for (const { layers } of images) for (const { name } of layers) uses.set(name, (uses.get(name) ?? 0) + 1);
  return uses;
}

/** Docker's error, with containerd's store, for an archive that has nothing for what is asked for. */
function nothingFor(platforms: readonly Platform[], there: ReadonlySet<string>): BerthError {
  const message = `no images providing the requested platform(s) found: ${platformsText(platforms)}`;
  const hint = `The archive has an image for ${[...there].join(", ")}.`;
  return new BerthError("not-found", message, there.size === 0 ? {} : { hint });
}

class ImageLoader {
  readonly #deps: ImageDeps;
  readonly #files: ArchiveFiles;
  readonly #uses: Uses;
  readonly #options: LoadOptions;
  /** Layers that were unpacked, and so are what their blobs say. */
  readonly #unpacked: Set<string> = new Set();
  /** Which of the images were made from another one. */
  readonly links: ParentLink[] = [];
  /** The platforms of images that nobody asked for. */
  readonly passedOver: Set<string> = new Set();

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
    const names = image.references.map(parseTagged);
    await using held = new AsyncDisposableStack();
    const manifest = await this.#manifest(image, unpacked, held);
    const before = namedBefore(this.#deps.db, names);
    const now = { id: digestOf(unpacked.bytes), index: undefined };
    await storeConfigs(this.#deps, [{ bytes: unpacked.bytes }], (sql) => {
      if (manifest !== undefined) recordManifest(sql, manifest);
      for (const name of names.filter(isTag)) pointReference(sql, name, now);
    });
    if (image.parent !== undefined) this.links.push({ id: now.id, parent: image.parent });
    return { id: now.id, ...movedFrom(before, now) };
  }

  /** The manifest of an image whose layers are in the store, and what is kept for it. */
  async #manifest(
    { manifest }: ArchivedImage,
    { bytes: config, config: { rootfs } }: Unpacked,
    held: AsyncDisposableStack,
  ): Promise<NewManifest | undefined> {
    if (manifest === undefined) return undefined;
    const { digest, mediaType, layers } = manifest;
    // A layer that is here may be left out.
    for (const { name } of layers) if ((await this.#files.size(name)) === undefined) return undefined;
    const bytes = await readBlob(this.#files, manifest);
    const diffIDs = rootfs.diff_ids;
    const blobs = await this.#keepPacked(layers, diffIDs, held);
    return { digest, mediaType, bytes, imageID: digestOf(config), diffIDs, blobs };
  }

  /** @returns undefined, when nothing of it is for the platforms that were asked for */
  async loadIndex({ index, inner, references, entries }: ArchivedIndex): Promise<LoadedImage | undefined> {
    const names = references.map(parseTagged);
    await using held = new AsyncDisposableStack();
    const loaded: LoadedEntry[] = [];
    for (const entry of entries) loaded.push(...(await this.#entry(entry, held)));
    const configs = loaded.flatMap(({ config }) => (config === undefined ? [] : { bytes: config }));
    if (configs.length === 0) return undefined;
    const lists = inner.map(({ digest, bytes }) => ({
      ...{ digest, manifest: bytes, imageID: undefined, platform: undefined, blobs: [] },
    }));
    const before = namedBefore(this.#deps.db, names);
    let now: Target = { id: index.digest, index: index.digest };
    await storeConfigs(this.#deps, configs, (sql) => {
      now = { ...now, id: recordIndex(sql, { ...index, entries: [...lists, ...loaded] }) };
      for (const name of names.filter(isTag)) pointReference(sql, name, now);
    });
    return { id: now.id, index: index.digest, ...movedFrom(before, now) };
  }

  /** Bring in a manifest of an index; none, when it is for another platform than was asked for. */
  async #entry({ isImage, ...entry }: ArchivedEntry, held: AsyncDisposableStack): Promise<readonly LoadedEntry[]> {
    const image = isImage ? await this.#unpack(entry) : undefined;
    if (isImage && image === undefined) return [];
    const { digest, manifest, config, layers, platform = image?.config } = entry;
    const blobs =
      image === undefined
        ? await keepBlobs({ ...this.#deps, files: this.#files, held }, [config, ...layers], this.#options)
        : await this.#keepPacked(layers, image.config.rootfs.diff_ids, held);
    const imageID = image === undefined ? undefined : digestOf(image.bytes);
    return [{ digest, manifest, platform, imageID, blobs, config: image?.bytes }];
  }

  /** Unpack the layers of an image. @returns its config; undefined, when it is for another platform than was asked for */
  async #unpack(image: Pick<ArchivedImage, "config" | "layers">): Promise<Unpacked | undefined> {
    const bytes = await readBlob(this.#files, image.config);
    const config = configOf(image.config.name, bytes);
    const { platforms = [] } = this.#options;
    if (platforms.length > 0 && !platforms.some((each) => matchesPlatform(each, config))) {
      this.passedOver.add(platformText(config));
      return undefined;
    }
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
      open: () => {
        if (digest !== undefined) this.#unpacked.add(keyOf({ digest, diffID: layer.diffID }));
        return this.#read({ name, ...(size === undefined ? {} : { size }) }, layer.diffID);
      },
      release: () => this.#used(name),
    };
  }

  /** What was staged is dropped before the layers are synced: it need not reach the disk. */
  async #used(name: string): Promise<void> {
    const left = (this.#uses.get(name) ?? 1) - 1;
    this.#uses.set(name, left);
    if (left === 0) await this.#files.release(name);
  }

  /** Keep what can't be made again from the layers of an image: those that are compressed. @returns them */
  async #keepPacked(
    layers: readonly Required<Blob>[],
    diffIDs: readonly DiffID[],
    held: AsyncDisposableStack,
  ): Promise<readonly Required<Blob>[]> {
    const packed = layers.flatMap((blob, index) => {
      const diffID = diffIDs[index];
      return diffID === undefined || diffID === blob.digest ? [] : [{ ...blob, diffID }];
    });
    const kept = await keepBlobs({ ...this.#deps, files: this.#files, held }, packed, this.#options);
    for (const blob of packed) if (!this.#unpacked.has(keyOf(blob))) await verifyLayer(this.#deps, blob, this.#options);
    for (const { name } of layers) await this.#used(name);
    return kept;
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

const keyOf = ({ digest, diffID }: LayerBlob): string => `${digest} ${diffID}`;

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

/** What names pointed to before. */
type Before = ReadonlyMap<string, Target | undefined>;

function namedBefore(db: Database, references: readonly Reference[]): Before {
  const target = (sql: Sql, each: Reference): Target | undefined =>
    isTag(each) ? resolveTarget(sql, familiar(each)) : undefined;
  return db.read((sql) => new Map(references.map((each) => [familiar(each), target(sql, each)])));
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
  const config = parseArchivedConfig(name, bytes);
  if (config.os === hostPlatform.os) return config;
  throw new BerthError("invalid-argument", `cannot load ${config.os} image on ${hostPlatform.os}`);
}

function parseTagged(text: string): Reference {
  const reference = parseReference(text);
  if (reference.tag === undefined) throw new BerthError("invalid-argument", `invalid tag ${JSON.stringify(text)}`);
  return reference;
}

/** Docker takes a name with a digest, and says that it loaded it, but gives the image no such tag. */
const isTag = ({ digest }: Reference): boolean => digest === undefined;
