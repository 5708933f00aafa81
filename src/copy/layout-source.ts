import { BerthError } from "../base/errors.ts";
import type { ArchiveFiles } from "../image/archive-files.ts";
import { parseArchivedConfig, readBlob } from "../image/archive-json.ts";
import { indexFor, type Placed } from "../image/layout-groups.ts";
import { indexName } from "../image/layout-images.ts";
import { blobName, blobOf, descriptorsIn, manifestIn } from "../image/layout-json.ts";
import { digestOf, hexOf } from "../oci/digest.ts";
import { attestedBy, type Descriptor, kindOf } from "../oci/image-index.ts";
import { fullName, parseReference, withDefaultTag } from "../oci/reference.ts";
import type { OpenedSource } from "./ends.ts";
import { described, fileReader } from "./file-reader.ts";

/**
 * An image of an OCI layout. Manifests for several platforms that the layout lists by one name are one image, as `load` takes
 * them.
 *
 * @param image what the layout calls it; the only one when undefined
 * @throws {BerthError} not-found; invalid-argument, when there are several to choose from, or the layout is malformed
 */
export async function openLayout(files: ArchiveFiles, image: string | undefined): Promise<OpenedSource> {
  const reader = fileReader(files, { blob: blobName, manifest: blobName });
  const list = descriptorsIn(indexName, await readBlob(files, { name: indexName }));
  const found = new Map(list.filter(meantBy(image)).map((each) => [each.digest, each]));
  const images = [...found.values()].filter((each) => attestedBy(each) === undefined);
  const [only, another] = images;
  if (only === undefined) throw notThere(image, list);
  if (another === undefined) {
    const bytes = await readBlob(files, blobOf(only));
    return { reader, root: described(only.digest, bytes, only.mediaType) };
  }
  const placed: Placed[] = [];
  for (const descriptor of images) placed.push(await placedIn(files, descriptor, { image, list }));
  const digests = new Set<string>(images.map(({ digest }) => digest));
  const { index } = indexFor(
    placed,
    list.filter((each) => digests.has(attestedBy(each) ?? "")),
  );
  return { reader, root: described(index.digest, index.bytes, index.mediaType) };
}

/** An image of a directory that skopeo's `dir:` writes. @see containers-transports(5) */
export async function openDirectory(files: ArchiveFiles): Promise<OpenedSource> {
  const reader = fileReader(files, { blob: hexOf, manifest: (digest) => `${hexOf(digest)}.manifest.json` });
  const bytes = await readBlob(files, { name: "manifest.json" });
  return { reader, root: described(digestOf(bytes), bytes) };
}

/** Several manifests are one image where they have one name and each its own platform. */
async function placedIn(
  files: ArchiveFiles,
  descriptor: Descriptor,
  { image, list }: { readonly image: string | undefined; readonly list: readonly Descriptor[] },
): Promise<Placed> {
  if (image === undefined || kindOf(descriptor) !== "manifest") {
    throw new BerthError("invalid-argument", "more than one image in oci, choose an image", { hint: namesIn(list) });
  }
  if (descriptor.platform) return { descriptor, platform: descriptor.platform };
  const { config } = manifestIn(descriptor.digest, await readBlob(files, blobOf(descriptor)));
  const bytes = await readBlob(files, blobOf(config));
  return { descriptor, platform: parseArchivedConfig(blobName(config.digest), bytes) };
}

const refName = "org.opencontainers.image.ref.name";
const imageName = "io.containerd.image.name";

/** A layout's own name for an image is its tag, for some writers; containerd's is the whole name. */
function meantBy(image: string | undefined): (descriptor: Descriptor) => boolean {
  if (image === undefined) return () => true;
  const whole = wholeName(image);
  return ({ annotations }) => annotations?.[refName] === image || annotations?.[imageName] === whole;
}

function wholeName(image: string): string {
  try {
    return fullName(withDefaultTag(parseReference(image)));
  } catch (error) {
    if (error instanceof BerthError) return image;
    throw error;
  }
}

function notThere(image: string | undefined, list: readonly Descriptor[]): BerthError {
  if (image === undefined) return new BerthError("not-found", "the layout has no image");
  return new BerthError("not-found", `no descriptor found for reference ${JSON.stringify(image)}`, {
    hint: namesIn(list),
  });
}

function namesIn(list: readonly Descriptor[]): string {
  const names = new Set(list.flatMap(({ annotations }) => annotations?.[refName] ?? annotations?.[imageName] ?? []));
  return names.size === 0 ? "The layout names none of its images." : `The layout names ${[...names].join(", ")}.`;
}
