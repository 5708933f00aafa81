import { BerthError } from "../base/errors.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import { type Descriptor, entriesOf, type ManifestParts, partsOf } from "../oci/image-index.ts";
import { parseArchiveJson } from "./archive-json.ts";
import type { Blob } from "./archived-image.ts";

/** The entries of an index. @throws {BerthError} invalid-argument, for what is none */
export function descriptorsIn(name: string, bytes: Buffer): readonly Descriptor[] {
  const entries = entriesOf(parseArchiveJson(name, bytes));
  if (entries === undefined) throw malformed(`${name} has no list of manifests`);
  return entries;
}

/** What a manifest points to. @throws {BerthError} invalid-argument, for what is none */
export function manifestIn(digest: Digest, bytes: Buffer): ManifestParts {
  const parts = partsOf(parseArchiveJson(digest, bytes));
  if (parts === undefined) throw malformed(`manifest ${digest} has no config or no layers`);
  return parts;
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
