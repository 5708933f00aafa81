import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { attestedBy, type Descriptor, isImageEntry } from "../oci/image-index.ts";
import { hostPlatform, matchesPlatform, type Platform, platformsText, platformText } from "../oci/platform.ts";
import { type ArchiveFiles, missing } from "./archive-files.ts";
import { readBlob, sizeOf } from "./archive-json.ts";
import type { ArchivedEntry, Blob } from "./archived-image.ts";
import { blobOf, malformed, manifestIn } from "./layout-json.ts";

/**
 * What an archive has of an index: the images for `platforms`, or for any where none is given, and the attestations of these.
 * What is for another system, or isn't there whole, is left out.
 *
 * @throws {BerthError} not-found, when nothing is there for `platforms`; invalid-argument, when there is no image at all, or a
 *   digest or size is wrong
 */
export async function indexEntries(
  files: ArchiveFiles,
  descriptors: readonly Descriptor[],
  platforms: readonly Platform[],
): Promise<readonly ArchivedEntry[]> {
  const images = descriptors.filter(isImageEntry);
  const wanted = images.filter((descriptor) => isWanted(descriptor, platforms));
  if (wanted.length === 0 && images.length > 0) throw nothingFor(images, platforms);
  const reader = new EntryReader(files);
  const found: ArchivedEntry[] = [];
  for (const descriptor of wanted) found.push(...(await reader.entry(descriptor)));
  if (found.length === 0 && wanted.length > 0) throw incomplete(reader.absent ?? "", platforms);
  const there = new Set<string>(found.map(({ digest }) => digest));
  for (const descriptor of descriptors) {
    // One that doesn't say what it is of goes with the whole.
    const about = isImageEntry(descriptor) ? undefined : (attestedBy(descriptor) ?? "");
    if (there.has(about ?? "") || (about === "" && platforms.length === 0))
      found.push(...(await reader.entry(descriptor)));
  }
  return found;
}

/** One without a platform is told by its config, later. */
function isWanted({ platform }: Descriptor, platforms: readonly Platform[]): boolean {
  if (!platform) return true;
  if (platform.os !== hostPlatform.os) return false;
  return platforms.length === 0 || platforms.some((each) => matchesPlatform(each, platform));
}

class EntryReader {
  readonly #files: ArchiveFiles;
  /** Bytes that manifests may still have: they are in memory together. */
  #left: number = limits.json;
  /** Name of the first blob that wasn't there. */
  absent: string | undefined;

  constructor(files: ArchiveFiles) {
    this.#files = files;
  }

  /** The entry, or none where the archive hasn't all of it. */
  async entry(descriptor: Descriptor): Promise<readonly ArchivedEntry[]> {
    const { digest, platform } = descriptor;
    if (!(await this.#has(blobOf(descriptor)))) return [];
    this.#left -= descriptor.size;
    if (this.#left < 0) throw malformed(`the manifests of an index have more than ${limits.json} bytes`);
    const manifest = await readBlob(this.#files, blobOf(descriptor));
    const parts = manifestIn(digest, manifest);
    const [config, layers] = [blobOf(parts.config), parts.layers.map(blobOf)];
    for (const blob of [config, ...layers]) if (!(await this.#has(blob))) return [];
    return [{ digest, manifest, config, layers, platform: platform ?? undefined, isImage: isImageEntry(descriptor) }];
  }

  /** @throws {BerthError} invalid-argument, when it has another size than is said */
  async #has(blob: Blob): Promise<boolean> {
    if ((await this.#files.size(blob.name)) === undefined) {
      this.absent ??= blob.name;
      return false;
    }
    await sizeOf(this.#files, blob);
    return true;
  }
}

function nothingFor(images: readonly Descriptor[], platforms: readonly Platform[]): BerthError {
  const there = [...new Set(images.flatMap(({ platform }) => (platform ? [platformText(platform)] : [])))].join(", ");
  if (platforms.length === 0) {
    return new BerthError("invalid-argument", `cannot load ${images[0]?.platform?.os} image on ${hostPlatform.os}`);
  }
  return new BerthError("not-found", `requested platform(s) (${platformsText(platforms)}) not found`, {
    hint: `The archive has an image for ${there}.`,
  });
}

function incomplete(absent: string, platforms: readonly Platform[]): BerthError {
  if (platforms.length === 0) return missing(absent);
  const message = `requested platform(s) (${platformsText(platforms)}) found, but some content is missing`;
  return new BerthError("not-found", message, { cause: missing(absent) });
}
