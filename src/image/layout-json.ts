import { BerthError } from "../base/errors.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import {
  type Descriptor,
  entriesOf,
  indexFault,
  layerCompression,
  type ManifestParts,
  manifestFault,
  partsOf,
} from "../oci/image-index.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { parseArchiveJson, readBlob } from "./archive-json.ts";
import type { ArchivedManifest, Blob } from "./archived-image.ts";

/** The entries of an index. @throws {BerthError} invalid-argument, for what is none */
export function descriptorsIn(name: string, bytes: Buffer): readonly Descriptor[] {
  const value = parseArchiveJson(name, bytes);
  const entries = entriesOf(value);
  if (entries === undefined) throw malformed(`index ${name} can't be read: ${indexFault(value)}`);
  return entries;
}

/** What a manifest points to. @throws {BerthError} invalid-argument, for what is none */
export function manifestIn(digest: Digest, bytes: Buffer): ManifestParts {
  const value = parseArchiveJson(digest, bytes);
  const parts = partsOf(value);
  if (parts === undefined) throw malformed(`manifest ${digest} can't be read: ${manifestFault(value)}`);
  return parts;
}

/** What {@link readManifest} gives. */
export interface ReadManifest {
  readonly config: Required<Blob>;
  readonly manifest: ArchivedManifest;
  /** Whether a layer is said to be compressed. */
  readonly isPacked: boolean;
}

/** A manifest of a layout, checked. @throws {BerthError} invalid-argument, for what is none */
export async function readManifest(files: ArchiveFiles, descriptor: Descriptor): Promise<ReadManifest> {
  const { digest, mediaType = "" } = descriptor;
  const { config, layers } = manifestIn(digest, await readBlob(files, blobOf(descriptor)));
  return {
    config: blobOf(config),
    manifest: { ...blobOf(descriptor), mediaType, layers: layers.map(blobOf) },
    isPacked: layers.some((layer) => layerCompression(layer.mediaType ?? "") !== "none"),
  };
}

/** Where a layout has a blob. */
export function blobOf({ digest, size }: Descriptor): Required<Blob> {
  return { name: blobName(digest), digest, size };
}

/** The name of a blob in a layout. @see image-spec v1.1 image-layout.md#blobs */
export const blobName = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;

/** The error for a layout that isn't as it must be. */
export function malformed(why: string): BerthError {
  return new BerthError("invalid-argument", `invalid archive: ${why}`);
}
