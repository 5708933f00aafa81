import { limits } from "../base/limits.ts";
import type { Digest } from "../oci/digest.ts";
import { attestedBy, contentsOf, type Descriptor, kindOf } from "../oci/image-index.ts";
import type { Platform } from "../oci/platform.ts";
import { type ArchiveFiles, missing } from "./archive-files.ts";
import { parseArchivedConfig, readBlob } from "./archive-json.ts";
import type { ArchivedImage, ArchivedIndex } from "./archived-image.ts";
import { indexEntries } from "./layout-entries.ts";
import { groupsOf, indexFor, nameOf, type Placed, type Sorted, sorted } from "./layout-groups.ts";
import { blobOf, descriptorsIn, malformed, readManifest } from "./layout-json.ts";

/** The name of an OCI layout's list of images. @see image-spec v1.1 image-layout.md */
export const indexName = "index.json";

/** What {@link layoutImages} finds. */
export interface LayoutContents {
  readonly images: readonly ArchivedImage[];
  readonly indexes: readonly ArchivedIndex[];
}

/**
 * The images of an OCI layout. An index comes whole, through the indexes in it, with what is there for `platforms`, or for any
 * where none is given. So do manifests for several platforms that the layout lists by one name, or all without one: the index
 * that they haven't is {@link indexFor}. Docker with containerd's store, and skopeo, take but one of those.
 *
 * @throws {BerthError} invalid-argument, when the layout is malformed or a digest or size in it is wrong; not-found, when an
 *   index has nothing for `platforms`
 */
export async function layoutImages(files: ArchiveFiles, platforms: readonly Platform[]): Promise<LayoutContents> {
  const reader = new LayoutReader(files, platforms);
  const list = descriptorsIn(indexName, await readBlob(files, { name: indexName }));
  const manifests = list.filter((descriptor) => !isIndex(descriptor));
  const indexes: ArchivedIndex[] = [];
  for (const same of Map.groupBy(list.filter(isIndex), ({ digest }) => digest).values()) {
    for (const descriptor of same.slice(0, 1)) indexes.push(named(await reader.index(descriptor), same.map(nameOf)));
  }
  for (const descriptor of manifests) reader.count(descriptor);
  const images: ArchivedImage[] = [];
  for (const { name, descriptors } of groupsOf(manifests)) {
    const { together, alone } = await reader.sorted(name, descriptors);
    for (const descriptor of alone) images.push(await reader.image(descriptor));
    const [first, second] = together;
    if (second !== undefined) indexes.push(named(await reader.listed(together, manifests), [name]));
    else if (first !== undefined) images.push(named(await reader.image(first.descriptor), [name]));
  }
  return {
    images: merged(images, (image) => image.config.name),
    indexes: merged(indexes, ({ index }) => index.digest),
  };
}

const isIndex = (descriptor: Descriptor): boolean => kindOf(descriptor) === "index";

class LayoutReader {
  readonly #files: ArchiveFiles;
  readonly #platforms: readonly Platform[];
  #manifests = 0;
  /** Bytes that indexes in each other may still have: they are in memory together. */
  #left: number = limits.json;

  constructor(files: ArchiveFiles, platforms: readonly Platform[]) {
    this.#files = files;
    this.#platforms = platforms;
  }

  /** Note a manifest of the layout. @throws {BerthError} invalid-argument, when it is none, or one too many */
  count(descriptor: Descriptor): void {
    if (++this.#manifests > limits.manifests) throw malformed(`more than ${limits.manifests} manifests`);
    if (kindOf(descriptor) !== "other") return;
    throw malformed(`unsupported media type ${JSON.stringify(descriptor.mediaType ?? "")}`);
  }

  /** An image's own index. */
  async index(descriptor: Descriptor): Promise<ArchivedIndex> {
    const { digest, mediaType = "" } = descriptor;
    const bytes = await readBlob(this.#files, blobOf(descriptor));
    const entries = descriptorsIn(digest, bytes);
    const inner = new Map<Digest, Buffer>();
    await this.#inner(entries, { inner, depth: 1 });
    const { manifests } = contentsOf(entries, (each) => inner.get(each));
    const [absent] = entries.filter((each) => isIndex(each) && !inner.has(each.digest));
    if (manifests.length === 0 && absent !== undefined) throw missing(blobOf(absent).name);
    return {
      index: { digest, mediaType, bytes },
      inner: [...inner].map(([each, content]) => ({ digest: each, bytes: content })),
      references: [],
      entries: await indexEntries(this.#files, manifests, this.#platforms),
    };
  }

  /** Manifests that the layout lists for the platforms of one image, and what attests to them. */
  async listed(images: readonly Placed[], all: readonly Descriptor[]): Promise<ArchivedIndex> {
    const digests = new Set<string>(images.map(({ descriptor }) => descriptor.digest));
    const attestations = all.filter((descriptor) => digests.has(attestedBy(descriptor) ?? ""));
    const { index, manifests } = indexFor(images, attestations);
    return { index, inner: [], references: [], entries: await indexEntries(this.#files, manifests, this.#platforms) };
  }

  /** What manifests of one name are. */
  async sorted(name: string, descriptors: readonly Descriptor[]): Promise<Sorted> {
    const manifests: Placed[] = [];
    for (const descriptor of descriptors) {
      manifests.push({ descriptor, platform: descriptor.platform ?? (await this.#platformOf(descriptor)) });
    }
    return sorted({ name, manifests });
  }

  /** An image for one platform. */
  async image(descriptor: Descriptor): Promise<ArchivedImage> {
    const { config, manifest } = await readManifest(this.#files, descriptor);
    return { config, layers: manifest.layers, references: [], manifest };
  }

  /** What the config says. */
  async #platformOf(descriptor: Descriptor): Promise<Platform> {
    const { config } = await readManifest(this.#files, descriptor);
    return parseArchivedConfig(config.name, await readBlob(this.#files, config));
  }

  /** Read the indexes in an index that are there, each once. */
  async #inner(
    entries: readonly Descriptor[],
    { inner, depth }: { readonly inner: Map<Digest, Buffer>; readonly depth: number },
  ): Promise<void> {
    for (const entry of entries) {
      this.count(entry);
      const { digest } = entry;
      const blob = blobOf(entry);
      if (!isIndex(entry) || inner.has(digest) || (await this.#files.size(blob.name)) === undefined) continue;
      if (depth === limits.indexDepth) throw malformed(`indexes are nested deeper than ${limits.indexDepth}`);
      this.#left -= entry.size;
      if (this.#left < 0) throw malformed(`the indexes in an index have more than ${limits.json} bytes`);
      const bytes = await readBlob(this.#files, blob);
      inner.set(digest, bytes);
      await this.#inner(descriptorsIn(digest, bytes), { inner, depth: depth + 1 });
    }
  }
}

function named<T extends ArchivedImage | ArchivedIndex>(image: T, names: readonly string[]): T {
  return { ...image, references: [...new Set(names)].filter((name) => name !== "") };
}

/** What is named twice is one with two names. */
function merged<T extends ArchivedImage | ArchivedIndex>(
  images: readonly T[],
  keyOf: (image: T) => string,
): readonly T[] {
  return [...Map.groupBy(images, keyOf).values()].flatMap((same) => {
    const references = [...new Set(same.flatMap((image) => image.references))];
    return same.slice(-1).map((image) => ({ ...image, references }));
  });
}
