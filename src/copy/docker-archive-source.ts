import { createHash } from "node:crypto";
import { compressionOf } from "../archive/decompress.ts";
import { BerthError } from "../base/errors.ts";
import type { ArchiveFiles } from "../image/archive-files.ts";
import { parseArchivedConfig, readBlob, sizeOf } from "../image/archive-json.ts";
import { type ArchivedImage, type Blob, dockerImages } from "../image/archived-image.ts";
import { malformed } from "../image/layout-json.ts";
import type { PackedLayer } from "../image/manifest-records.ts";
import { layerTypes, ociManifest } from "../image/oci-manifest.ts";
import { type DiffID, type Digest, digestOf, parseDigest } from "../oci/digest.ts";
import { familiar, parseReference, type Reference, withDefaultTag } from "../oci/reference.ts";
import type { OpenedSource } from "./ends.ts";
import { described, fileReader } from "./file-reader.ts";

/**
 * An image of a Docker archive, with a manifest that is made for it: of the layers as they lie in the archive.
 *
 * @param reference which one; the only one when undefined
 * @throws {BerthError} not-found; invalid-argument, when there are several to choose from, or the archive is malformed
 */
export async function openDockerArchive(files: ArchiveFiles, reference: Reference | undefined): Promise<OpenedSource> {
  const image = chosen(await dockerImages(files), reference);
  const config = await readBlob(files, image.config);
  const { diff_ids: diffIDs } = parseArchivedConfig(image.config.name, config).rootfs;
  if (diffIDs.length !== image.layers.length) {
    throw malformed(`layers length mismatch: expected ${image.layers.length}, got ${diffIDs.length}`);
  }
  const names = new Map<Digest, string>([[digestOf(config), image.config.name]]);
  const layers: PackedLayer[] = [];
  for (const [place, blob] of image.layers.entries()) {
    const diffID = diffIDs[place];
    if (diffID === undefined) continue;
    const layer = await layerIn(files, blob, diffID);
    names.set(layer.digest, blob.name);
    layers.push(layer);
  }
  const { digest, bytes } = ociManifest({ digest: digestOf(config), size: config.length }, layers);
  const blob = (wanted: Digest): string => names.get(wanted) ?? wanted;
  return { reader: fileReader(files, { blob, manifest: blob }), root: described(digest, bytes), isMade: true };
}

function chosen(images: readonly ArchivedImage[], reference: Reference | undefined): ArchivedImage {
  const names = images.flatMap(({ references }) => references);
  const hint = names.length === 0 ? {} : { hint: `The archive has ${names.join(", ")}.` };
  if (reference !== undefined) {
    const wanted = familiar(withDefaultTag(reference));
    const found = images.find(({ references }) => references.some((each) => isNamed(each, wanted)));
    if (found !== undefined) return found;
    throw new BerthError("not-found", `Tag ${JSON.stringify(wanted)} not found`, hint);
  }
  const [only, another] = images;
  if (only !== undefined && another === undefined) return only;
  const message = `Unexpected tar manifest.json: expected 1 item, got ${images.length}`;
  throw new BerthError("invalid-argument", message, hint);
}

/** What an archive calls an image may be no name at all. */
function isNamed(text: string, wanted: string): boolean {
  try {
    return familiar(parseReference(text)) === wanted;
  } catch (error) {
    if (error instanceof BerthError) return false;
    throw error;
  }
}

/** A layer as it lies in an archive: Docker's are plain, and their digest is that of the config. */
async function layerIn(files: ArchiveFiles, { name }: Blob, diffID: DiffID): Promise<PackedLayer> {
  const size = await sizeOf(files, { name });
  const hash = createHash("sha256");
  let compression: ReturnType<typeof compressionOf> | undefined;
  for await (const chunk of files.open(name)) {
    compression ??= compressionOf(chunk);
    if (compression === "none") break;
    hash.update(chunk);
  }
  if (compression === "gzip" || compression === "zstd") {
    const digest = parseDigest(`sha256:${hash.digest("hex")}`);
    return { digest, diffID, mediaType: layerTypes[compression], size };
  }
  if (compression === undefined || compression === "none") {
    return { digest: diffID, diffID, mediaType: layerTypes.none, size };
  }
  throw malformed(`${name} is compressed with ${compression}, which no manifest can say`);
}
