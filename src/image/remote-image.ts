import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import type { Sql } from "../metadata/database.ts";
import { digestOf, parseDigest } from "../oci/digest.ts";
import {
  contentsOf,
  type Descriptor,
  entriesOf,
  isImageEntry,
  jsonIn,
  kindOf,
  type ManifestParts,
  mediaTypeIn,
} from "../oci/image-index.ts";
import { hostPlatform, type Platform } from "../oci/platform.ts";
import { familiar, type Reference } from "../oci/reference.ts";
import { chooseEntry } from "../registry/choose-entry.ts";
import type { RemoteManifest, Repository } from "../registry/repository.ts";
import { checkSize, readParts, readTree } from "../registry/tree.ts";
import { tooDeep } from "../snapshot/overlay-mount.ts";
import type { BesideEntry } from "./arrival.ts";
import { isCached, type RepositoryName } from "./cache-records.ts";
import type { ImageDeps } from "./images.ts";

/** An image as a repository has it, for one platform. */
export interface RemoteImage {
  /** What the name leads to: the image's manifest, or an index. */
  readonly root: RemoteManifest;
  /** The index that the manifest is an entry of, where the name leads to that. */
  readonly index: RemoteManifest | undefined;
  /** As the index tells it. */
  readonly platform: Platform | undefined;
  readonly manifest: RemoteManifest;
  readonly parts: ManifestParts;
}

/** Where manifests come from: the store, for those that it has, and a repository. */
export interface ManifestSource {
  readonly db: ImageDeps["db"];
  readonly repository: Pick<Repository, "manifest" | "resolve">;
  readonly operation: Operation;
}

/** The same, where no name is looked up. */
type Entries = Omit<ManifestSource, "repository"> & { readonly repository: Pick<Repository, "manifest"> };

/**
 * What a name leads to. Where the store has it already, the repository is asked for its digest alone; where the name is a digest
 * that was pulled from this repository, nobody is asked.
 *
 * @throws {BerthError} as `Repository.manifest`
 */
export async function rootManifest(source: ManifestSource, reference: Reference): Promise<RemoteManifest> {
  const { db, repository, operation } = source;
  const { digest, tag = "latest" } = reference;
  if (digest === undefined) {
    const isNamed = db.read((sql) => hasName(sql, "image_reference", familiar(reference)));
    if (!isNamed) return await repository.manifest(tag, operation);
    return await manifestBy(source, await repository.resolve(tag, operation));
  }
  const here = db.read((sql) => {
    const isOfRepository = isPulled(sql, reference, digest) || isCached(sql, reference, digest);
    return isOfRepository ? knownManifest(sql, digest) : undefined;
  });
  return here ?? (await repository.manifest(digest, operation));
}

/** Of what a name leads to the image for a platform: the one asked for, or this machine's. @throws {BerthError} not-found, in Docker's words; invalid-argument, for what is no image */
export async function imageIn(
  source: Entries,
  root: RemoteManifest,
  wanted: Platform | undefined,
): Promise<RemoteImage> {
  const kind = kindOf(root.descriptor);
  if (kind === "other") throw unsupported(root.descriptor.mediaType);
  if (kind === "manifest") {
    return { root, index: undefined, platform: undefined, manifest: root, parts: imagePartsOf(root) };
  }
  const { entry, isNested } = await chooseEntry((each) => entryManifest(source, each), root, wanted);
  const manifest = await entryManifest(source, entry);
  return {
    root,
    index: isNested ? undefined : root,
    platform: entry.platform ?? undefined,
    manifest,
    parts: imagePartsOf(manifest),
  };
}

/** What {@link imagesIn} finds. */
export interface IndexImages {
  readonly images: readonly RemoteImage[];
  /** The indexes in the index, and what attests to its images. */
  readonly beside: readonly BesideEntry[];
}

/**
 * Every image of an index that this system can have, through the indexes in it.
 *
 * @throws {BerthError} invalid-argument, for what is no image, or where none is for this system; as `readTree`
 */
export async function imagesIn(source: Entries, root: RemoteManifest): Promise<IndexImages> {
  const manifestOf = (digest: string): Promise<RemoteManifest> =>
    manifestBy(source, { digest: parseDigest(digest), size: 0 });
  const { manifests, indexes } = await readTree({ manifest: manifestOf }, root, source.operation);
  const read = new Map([...manifests, ...indexes].map((each) => [each.descriptor.digest, each]));
  const entries = contentsOf(entriesOf(jsonIn(root.bytes)) ?? [], (digest) => read.get(digest)?.bytes);
  const images = entries.manifests.flatMap((entry): RemoteImage[] => {
    const manifest = read.get(entry.digest);
    if (manifest === undefined || !isImageEntry(entry)) return [];
    const platform = entry.platform ?? undefined;
    if (platform !== undefined && platform.os !== hostPlatform.os) return [];
    return [{ root, index: root, platform, manifest, parts: imagePartsOf(manifest) }];
  });
  const beside = [...entries.inner, ...entries.manifests.filter((entry) => !isImageEntry(entry))].flatMap((entry) => {
    const bytes = read.get(entry.digest)?.bytes;
    return bytes === undefined
      ? []
      : [{ digest: entry.digest, manifest: bytes, platform: entry.platform ?? undefined }];
  });
  return { images, beside };
}

/** A manifest that a descriptor names, from the store where that has it. */
async function manifestBy(
  { db, repository, operation }: Entries,
  { digest, mediaType }: Descriptor,
): Promise<RemoteManifest> {
  const known = db.read((sql) => knownManifest(sql, digest));
  if (known === undefined) return await repository.manifest(digest, operation);
  return mediaType === undefined ? known : { ...known, descriptor: { ...known.descriptor, mediaType } };
}

/** The manifest of an index's entry. @throws {BerthError} invalid-argument, for one of another size than the entry tells */
async function entryManifest(source: Entries, entry: Descriptor): Promise<RemoteManifest> {
  const manifest = await manifestBy(source, entry);
  checkSize(manifest, entry);
  return manifest;
}

/** Whether a repository is known to have a manifest or an index, by what was pulled from it or pushed to it. */
export function isPulled(sql: Sql, { domain, path }: RepositoryName, digest: string): boolean {
  return hasName(sql, "repo_digest", familiar({ domain, path, digest }));
}

function hasName(sql: Sql, table: "image_reference" | "repo_digest", name: string): boolean {
  return sql.get(`SELECT 1 FROM ${table} WHERE reference = ?`, name) !== undefined;
}

/** A manifest or an index that the store has, unless it is damaged. */
export function knownManifest(sql: Sql, digest: string): RemoteManifest | undefined {
  const row = sql.get<{ bytes: Uint8Array; mediaType: string }>(
    `SELECT bytes, media_type AS mediaType FROM image_index WHERE digest = ?1
     UNION ALL SELECT bytes, media_type FROM cached_content WHERE digest = ?1 AND bytes IS NOT NULL
     UNION ALL SELECT bytes, media_type FROM image_manifest WHERE digest = ?1
     UNION ALL SELECT manifest, '' FROM image_index_entry WHERE digest = ?1 LIMIT 1`,
    digest,
  );
  if (row === undefined) return undefined;
  const bytes = Buffer.from(row.bytes);
  const found = digestOf(bytes);
  if (found !== digest) return undefined;
  return { bytes, descriptor: { digest: found, size: bytes.length, mediaType: row.mediaType || mediaTypeIn(bytes) } };
}

/** Config media types of images: also what old registries made of them. @see moby distribution/config.go */
const configTypes: ReadonlySet<string> = new Set([
  ...["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"],
  ...["application/octet-stream", "application/json", "text/html", ""],
]);

/** @see moby distribution/pull_v2.go `checkSupportedMediaType` */
const layerTypes = /^application\/vnd\.(oci\.image|docker)\./i;

/** What the manifest of an image points to. @throws {BerthError} invalid-argument, for what isn't an image's */
function imagePartsOf(manifest: RemoteManifest): ManifestParts {
  const parts = readParts(manifest);
  const { mediaType = "" } = parts.config;
  if (!configTypes.has(mediaType)) throw unsupported(mediaType);
  if (parts.layers.length > limits.layers) throw tooDeep(parts.layers.length);
  const strange = parts.layers.find(({ mediaType: type }) => type !== undefined && !layerTypes.test(type));
  if (strange !== undefined) throw unsupported(strange.mediaType ?? "");
  return parts;
}

function unsupported(mediaType: string): BerthError {
  return new BerthError("invalid-argument", `unsupported media type ${mediaType}`, {
    hint: "It is no image but another artifact: a chart, a model, a signature. The tool that it is for can fetch it.",
  });
}
