import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Digest } from "../oci/digest.ts";
import { attestedBy, type Descriptor, kindOf } from "../oci/image-index.ts";
import { hostPlatform, matchesPlatform, type Platform } from "../oci/platform.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { readBlob } from "./archive-json.ts";
import type { ArchivedImage, ArchivedIndex } from "./archived-image.ts";
import { indexEntries } from "./layout-entries.ts";
import { blobOf, descriptorsIn, malformed, manifestIn } from "./layout-json.ts";

/** The name of an OCI layout's list of images. @see image-spec v1.1 image-layout.md */
export const indexName = "index.json";

/** A manifest that an index leads to. */
interface Found {
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
}

/** What {@link layoutImages} finds. */
export interface LayoutContents {
  readonly images: readonly ArchivedImage[];
  /** Those that lead to manifests alone, and so can be kept as they are. */
  readonly indexes: readonly ArchivedIndex[];
}

/**
 * The images of an OCI layout. An index of manifests comes whole, with what is there for `platforms`, or for any where none
 * is given. Of manifests for several platforms that have no index of their own, or one of indexes, it is the one for
 * `platforms`, or for this machine; attestations are passed over there.
 *
 * @throws {BerthError} invalid-argument, when the layout is malformed or a digest or size in it is wrong; not-found, when an
 *   index has nothing for `platforms`
 */
export async function layoutImages(files: ArchiveFiles, platforms: readonly Platform[]): Promise<LayoutContents> {
  const reader = new LayoutReader(files);
  const indexes = new Map<Digest, ArchivedIndex>();
  const others: Descriptor[] = [];
  for (const descriptor of descriptorsIn(indexName, await readBlob(files, { name: indexName }))) {
    const index = kindOf(descriptor) === "index" ? await reader.index(descriptor, platforms) : undefined;
    if (index === undefined) others.push(descriptor);
    else indexes.set(index.index.digest, withNames(index, indexes.get(index.index.digest), nameOf(descriptor)));
  }
  const images: ArchivedImage[] = [];
  for (const { name, descriptors } of groupsOf(others)) {
    const found = await reader.manifests(descriptors);
    for (const { descriptor } of chosen(found, platforms)) {
      images.push({ ...(await reader.image(descriptor)), references: name === "" ? [] : [name] });
    }
  }
  return { images: merged(images), indexes: [...indexes.values()] };
}

/** True for a layout with an image for several platforms, which Docker's own list in the same archive knows one platform of. */
export async function hasIndex(files: ArchiveFiles): Promise<boolean> {
  if ((await files.size(indexName)) === undefined) return false;
  try {
    const descriptors = descriptorsIn(indexName, await readBlob(files, { name: indexName }));
    return descriptors.some((descriptor) => kindOf(descriptor) === "index");
  } catch (error) {
    if (error instanceof BerthError && error.kind === "invalid-argument") return false;
    throw error;
  }
}

class LayoutReader {
  readonly #files: ArchiveFiles;
  #manifests = 0;

  constructor(files: ArchiveFiles) {
    this.#files = files;
  }

  /** An index of manifests; undefined for one of indexes. */
  async index(descriptor: Descriptor, platforms: readonly Platform[]): Promise<ArchivedIndex | undefined> {
    const { digest, mediaType = "" } = descriptor;
    const bytes = await readBlob(this.#files, blobOf(descriptor));
    const entries = descriptorsIn(digest, bytes);
    if (entries.some((entry) => kindOf(entry) !== "manifest")) return undefined;
    for (const _ of entries) this.#count();
    return {
      index: { digest, mediaType, bytes },
      references: [],
      entries: await indexEntries(this.#files, entries, platforms),
    };
  }

  /** The manifests that descriptors lead to, through indexes. @param above the indexes that these are in */
  async manifests(descriptors: readonly Descriptor[], above: readonly Digest[] = []): Promise<readonly Found[]> {
    const found: Found[] = [];
    for (const descriptor of descriptors) {
      this.#count();
      if (attestedBy(descriptor) !== undefined) continue;
      const kind = kindOf(descriptor);
      if (kind === "index") found.push(...(await this.#inner(descriptor, above)));
      else if (kind === "manifest") found.push({ descriptor, platform: descriptor.platform ?? undefined });
      else throw malformed(`unsupported media type ${JSON.stringify(descriptor.mediaType ?? "")}`);
    }
    return found;
  }

  #count(): void {
    if (++this.#manifests > limits.manifests) throw malformed(`more than ${limits.manifests} manifests`);
  }

  async #inner(index: Descriptor, above: readonly Digest[]): Promise<readonly Found[]> {
    if (above.length === limits.indexDepth) throw malformed(`indexes are nested deeper than ${limits.indexDepth}`);
    const inner = descriptorsIn(index.digest, await readBlob(this.#files, blobOf(index)));
    return await this.manifests(inner, [...above, index.digest]);
  }

  async image(descriptor: Descriptor): Promise<Omit<ArchivedImage, "references">> {
    const { config, layers } = manifestIn(descriptor.digest, await readBlob(this.#files, blobOf(descriptor)));
    return { config: blobOf(config), layers: layers.map(blobOf) };
  }
}

/** An index that is named twice is one with two names. */
function withNames(index: ArchivedIndex, known: ArchivedIndex | undefined, name: string): ArchivedIndex {
  const references = new Set([...(known?.references ?? []), ...(name === "" ? [] : [name])]);
  return { ...index, references: [...references] };
}

/** Of one image's manifests those that are wanted; one without a platform always is. */
function chosen(found: readonly Found[], platforms: readonly Platform[]): readonly Found[] {
  const fits = ({ platform }: Found): boolean =>
    platform === undefined ||
    (platforms.length === 0 ? [hostPlatform] : platforms).some((each) => matchesPlatform(each, platform));
  const fitting = found.filter(fits);
  if (fitting.length > 0 || platforms.length > 0) return fitting;
  return found.slice(0, 1);
}

/** Descriptors of one image, by the name that they give it; empty for none. */
interface Group {
  readonly name: string;
  readonly descriptors: Descriptor[];
}

/** Manifests for several platforms are one image, whatever they are called; others without a name are images of their own. */
function groupsOf(descriptors: readonly Descriptor[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const descriptor of descriptors) {
    const name = nameOf(descriptor);
    const key = name === "" && !descriptor.platform ? descriptor.digest : `name ${name}`;
    const group = groups.get(key) ?? { name, descriptors: [] };
    group.descriptors.push(descriptor);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** The name that a descriptor gives its image; a bare tag is none. */
function nameOf({ annotations }: Descriptor): string {
  const name = annotations?.["io.containerd.image.name"] ?? annotations?.["org.opencontainers.image.ref.name"] ?? "";
  return /[:/]/.test(name) ? name : "";
}

/** An image that is named twice is one with two names. */
function merged(images: readonly ArchivedImage[]): readonly ArchivedImage[] {
  const byConfig = new Map<string, ArchivedImage>();
  for (const image of images) {
    const known = byConfig.get(image.config.name);
    const references = [...new Set([...(known?.references ?? []), ...image.references])];
    byConfig.set(image.config.name, { ...image, references });
  }
  return [...byConfig.values()];
}
