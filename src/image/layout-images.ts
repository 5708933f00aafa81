import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type Digest, hexOf, isDigest } from "../oci/digest.ts";
import { hostPlatform, matchesPlatform, type Platform } from "../oci/platform.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { parseArchiveJson, readBlob } from "./archive-json.ts";
import type { ArchivedImage, Blob } from "./archived-image.ts";

/** The name of an OCI layout's list of images. @see image-spec v1.1 image-layout.md */
export const indexName = "index.json";

const indexTypes = new Set([
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
]);
const manifestTypes = new Set([
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
]);

/** What points to a blob. @see image-spec v1.1 descriptor.md */
interface Descriptor {
  readonly mediaType?: string;
  readonly digest: Digest;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>> | null;
  readonly platform?: Platform | null;
}

/** A manifest that an index leads to. */
interface Found {
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
}

/**
 * The images of an OCI layout: of each that is there for several platforms the one for `platforms`, or for this machine
 * where none is given. Attestations are passed over.
 *
 * @throws {BerthError} invalid-argument, when the layout is malformed or a digest or size in it is wrong
 */
export async function layoutImages(
  files: ArchiveFiles,
  platforms: readonly Platform[],
): Promise<readonly ArchivedImage[]> {
  const reader = new LayoutReader(files);
  const top = descriptorsIn(indexName, await readBlob(files, { name: indexName }));
  const images: ArchivedImage[] = [];
  for (const { name, descriptors } of groupsOf(top)) {
    const found = await reader.manifests(descriptors);
    for (const { descriptor } of chosen(found, platforms)) {
      images.push({ ...(await reader.image(descriptor)), references: name === "" ? [] : [name] });
    }
  }
  return merged(images);
}

class LayoutReader {
  readonly #files: ArchiveFiles;
  #manifests = 0;

  constructor(files: ArchiveFiles) {
    this.#files = files;
  }

  /** The manifests that descriptors lead to, through indexes. @param above the indexes that these are in */
  async manifests(descriptors: readonly Descriptor[], above: readonly Digest[] = []): Promise<readonly Found[]> {
    const found: Found[] = [];
    for (const descriptor of descriptors) {
      if (++this.#manifests > limits.manifests) throw malformed(`more than ${limits.manifests} manifests`);
      if (descriptor.annotations?.["vnd.docker.reference.type"] === "attestation-manifest") continue;
      if (indexTypes.has(descriptor.mediaType ?? "")) found.push(...(await this.#inner(descriptor, above)));
      else if (manifestTypes.has(descriptor.mediaType ?? "")) {
        found.push({ descriptor, platform: descriptor.platform ?? undefined });
      } else throw malformed(`unsupported media type ${JSON.stringify(descriptor.mediaType ?? "")}`);
    }
    return found;
  }

  async #inner(index: Descriptor, above: readonly Digest[]): Promise<readonly Found[]> {
    if (above.length === limits.indexDepth) throw malformed(`indexes are nested deeper than ${limits.indexDepth}`);
    const inner = descriptorsIn(index.digest, await readBlob(this.#files, blobOf(index)));
    return await this.manifests(inner, [...above, index.digest]);
  }

  async image(descriptor: Descriptor): Promise<Omit<ArchivedImage, "references">> {
    const value = parseArchiveJson(descriptor.digest, await readBlob(this.#files, blobOf(descriptor)));
    const { config, layers } = (value ?? {}) as Record<string, unknown>;
    if (!isDescriptor(config) || !Array.isArray(layers) || !layers.every(isDescriptor)) {
      throw malformed(`manifest ${descriptor.digest} has no config or no layers`);
    }
    return { config: blobOf(config), layers: layers.map(blobOf) };
  }
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

function descriptorsIn(name: string, bytes: Buffer): readonly Descriptor[] {
  const value = parseArchiveJson(name, bytes);
  const { manifests } = (value ?? {}) as Record<string, unknown>;
  if (!Array.isArray(manifests) || !manifests.every(isDescriptor)) throw malformed(`${name} has no list of manifests`);
  return manifests;
}

function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== "object" || value === null) return false;
  const { mediaType, digest, size, annotations, platform } = value as Record<string, unknown>;
  const typed = mediaType === undefined || typeof mediaType === "string";
  const sized = typeof size === "number" && Number.isSafeInteger(size) && size >= 0;
  return (
    typed && sized && typeof digest === "string" && isDigest(digest) && isTexts(annotations) && isPlatform(platform)
  );
}

function isTexts(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.values(value).every((each) => typeof each === "string");
}

function isPlatform(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  const { os, architecture } = value as Record<string, unknown>;
  return typeof os === "string" && typeof architecture === "string";
}

function blobOf({ digest, size }: Descriptor): Blob {
  return { name: `blobs/sha256/${hexOf(digest)}`, digest, size };
}

function malformed(why: string): BerthError {
  return new BerthError("invalid-argument", `invalid archive: ${why}`);
}
