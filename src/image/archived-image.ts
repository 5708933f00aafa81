import { BerthError } from "../base/errors.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { type ArchiveFiles, missing } from "./archive-files.ts";
import { parseArchiveJson, readBlob } from "./archive-json.ts";

/** A file of an archive, and what is said of it. */
export interface Blob {
  readonly name: string;
  readonly digest?: Digest;
  /** Bytes. */
  readonly size?: number;
}

/** An image that an archive has. */
export interface ArchivedImage {
  readonly config: Blob;
  /** The bottom one first; compressed or not. */
  readonly layers: readonly Blob[];
  /** As the archive writes them. */
  readonly references: readonly string[];
  /** ID of the image that it was made from, as the archive writes it. */
  readonly parent?: string;
  /** Its manifest, which is kept; undefined where the archive has none, or one that was made for it alone. */
  readonly manifest?: ArchivedManifest;
}

/** The manifest of an image for one platform. */
export interface ArchivedManifest extends Required<Blob> {
  readonly mediaType: string;
  /** Those of the image. */
  readonly layers: readonly Required<Blob>[];
}

/** An image for several platforms that an archive has: an index, and what is there of it. */
export interface ArchivedIndex {
  readonly index: { readonly digest: Digest; readonly mediaType: string; readonly bytes: Buffer };
  /** As the archive writes them. */
  readonly references: readonly string[];
  /** The indexes in it that are in the archive, at any depth. */
  readonly inner: readonly { readonly digest: Digest; readonly bytes: Buffer }[];
  /** Those that are in the archive and wanted, in the index's order. */
  readonly entries: readonly ArchivedEntry[];
}

/** A manifest of an index, and what it points to. */
export interface ArchivedEntry {
  readonly digest: Digest;
  readonly manifest: Buffer;
  readonly config: Required<Blob>;
  readonly layers: readonly Required<Blob>[];
  /** What the index says; undefined where it doesn't. */
  readonly platform: Platform | undefined;
  /** False for an attestation. */
  readonly isImage: boolean;
}

/** One image of a Docker archive's `manifest.json`. @see moby tarexport `manifestItem` */
export interface ManifestItem {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[] | null;
  /** ID of the image that it was made from, where the archive has that one, too. */
  readonly Parent?: string;
}

/** The name of Docker's list of images in an archive. */
export const manifestName = "manifest.json";

/**
 * The images of a Docker archive.
 *
 * @throws {BerthError} invalid-argument, in Docker's words
 */
export async function dockerImages(files: ArchiveFiles): Promise<readonly ArchivedImage[]> {
  const value = parseArchiveJson(manifestName, await readBlob(files, { name: manifestName }));
  if (value === null) {
    throw new BerthError("invalid-argument", "invalid manifest, manifest cannot be null (but can be [])");
  }
  if (!Array.isArray(value) || !value.every(isManifestItem)) {
    throw new BerthError(
      "invalid-argument",
      `invalid archive: failed to decode ${manifestName}: it is no list of images`,
    );
  }
  return value.map(({ Config, RepoTags, Layers, Parent = "" }) => {
    if (Config === "") throw missing("the image config");
    const image = { config: blobOf(Config), layers: (Layers ?? []).map(blobOf), references: RepoTags ?? [] };
    return Parent === "" ? image : { ...image, parent: Parent };
  });
}

/** A blob of a layout is named by its digest, and the config of an older archive too. */
function blobOf(name: string): Blob {
  const hex = /^blobs\/sha256\/([a-f0-9]{64})$/.exec(name)?.[1] ?? /^([a-f0-9]{64})\.json$/.exec(name)?.[1];
  const digest = `sha256:${hex}`;
  return isDigest(digest) ? { name, digest } : { name };
}

function isManifestItem(value: unknown): value is ManifestItem {
  if (typeof value !== "object" || value === null) return false;
  const { Config, RepoTags, Layers, Parent = "" } = value as Record<string, unknown>;
  if (typeof Config !== "string" || typeof Parent !== "string") return false;
  return isOptionalList(Layers) && isOptionalList(RepoTags);
}

function isOptionalList(list: unknown): boolean {
  if (list === null || list === undefined) return true;
  return Array.isArray(list) && list.every((each) => typeof each === "string");
}
