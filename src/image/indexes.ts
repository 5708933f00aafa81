import { BerthError } from "../base/errors.ts";
import type { Database, Sql } from "../metadata/database.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { parseImageConfig } from "../oci/image-config.ts";
import { type Descriptor, isImageEntry, sizeWithBlobs } from "../oci/image-index.ts";
import { matchesPlatform, type Platform, platformText } from "../oci/platform.ts";
import { choose, runsOn } from "../oci/platform-choice.ts";
import {
  findImage,
  findTarget,
  type Image,
  type ImageDeps,
  type ImageSummary,
  listImages,
  noSuchImage,
  sortedNames,
} from "./images.ts";
import { type EntryRow, entryRows, indexSize, namedIn, presentIn } from "./index-records.ts";
import { imageNames } from "./resolve.ts";

/** An image for several platforms. */
export interface ImageIndex {
  /** Digest of its bytes, which are kept as they came. */
  readonly digest: Digest;
  readonly mediaType: string;
  /** The image that stands for it where no platform is asked for: this machine's, or else the first that is here. */
  readonly imageID: Digest;
  /** The names that point to it, as Docker shows them. */
  readonly references: readonly string[];
  /** Bytes of the layers of all that is here of it, each once, and of what is kept beside. */
  readonly size: number;
  /** The images that it names, through the indexes in it too, here or not, in its order. */
  readonly platforms: readonly IndexPlatform[];
}

/** One of the images of an index. */
export interface IndexPlatform {
  /** Undefined where neither the index nor an image tells. */
  readonly platform: Platform | undefined;
  /** Digest of its manifest. */
  readonly manifest: Digest;
  /** Undefined where it isn't in the store. */
  readonly imageID: Digest | undefined;
  /** Bytes of its layers, and of what is kept beside; 0 where it isn't in the store. */
  readonly size: number;
  /** Bytes of its manifest and of what that points to; 0 where it isn't in the store. */
  readonly contentSize: number;
}

interface IndexRow {
  readonly media_type: string;
  readonly bytes: Uint8Array;
  readonly image_id: Digest;
}

/** Every image for several platforms, by digest. */
export function listIndexes(deps: Pick<ImageDeps, "db">): readonly ImageIndex[] {
  return deps.db.read((sql) => {
    const rows = sql.all<{ digest: Digest }>("SELECT digest FROM image_index ORDER BY digest");
    return rows.flatMap(({ digest }) => indexIn(sql, digest) ?? []);
  });
}

/** An image for several platforms by the digest of its index, or undefined. */
export function findIndex({ db }: Pick<ImageDeps, "db">, digest: Digest): ImageIndex | undefined {
  return db.read((sql) => indexIn(sql, digest));
}

/** {@link findIndex} within a transaction. */
export function indexIn(sql: Sql, digest: Digest): ImageIndex | undefined {
  const row = sql.get<IndexRow>("SELECT media_type, bytes, image_id FROM image_index WHERE digest = ?", digest);
  if (row === undefined) return undefined;
  const names = sql.all<{ reference: string }>(`SELECT reference FROM ${imageNames} WHERE index_digest = ?`, digest);
  const entries = entryRows(sql, digest);
  const rows = new Map(entries.map((entry) => [entry.digest, entry]));
  // What attests to an image isn't one.
  const images = namedIn(row.bytes, entries).manifests.filter(isImageEntry);
  return {
    digest,
    mediaType: row.media_type,
    imageID: row.image_id,
    references: sortedNames(names.map(({ reference }) => reference)),
    size: indexSize(sql, digest),
    platforms: images.map((descriptor) => toPlatform(sql, descriptor, rows.get(descriptor.digest))),
  };
}

/** Every image, newest first; one that is a platform of an index, and has no name of its own, has the names of that. */
export function listPlatforms(deps: Pick<ImageDeps, "db">): readonly ImageSummary[] {
  const names = new Map(listIndexes(deps).map(({ digest, references }) => [digest, references]));
  return listImages(deps).map((image) => {
    if (image.references.length > 0) return image;
    return { ...image, references: image.variantOf.flatMap((index) => names.get(index) ?? []) };
  });
}

/** The bytes of an index, as they came. @throws {BerthError} not-found; data-loss */
export function readIndex({ db }: { readonly db: Database }, digest: Digest): Buffer {
  const row = db.read((sql) =>
    sql.get<{ bytes: Uint8Array }>("SELECT bytes FROM image_index WHERE digest = ?", digest),
  );
  if (row === undefined) throw noSuchImage(digest);
  const bytes = Buffer.from(row.bytes);
  if (digestOf(bytes) !== digest) throw new BerthError("data-loss", `index ${digest} is damaged`);
  return bytes;
}

/**
 * The image for a platform that a name means.
 *
 * @throws {BerthError} not-found, in Docker's words, also when the name is there for other platforms alone
 */
export function getPlatformImage(deps: ImageDeps, nameOrID: string, wanted: Platform): Image {
  const target = findTarget(deps, nameOrID);
  const index = target.index === undefined ? undefined : findIndex(deps, target.index);
  const best = index === undefined ? undefined : choose(wanted, presentIn(index.platforms), ({ platform }) => platform);
  const image = findImage(deps, best?.imageID ?? target.id);
  if (image === undefined) throw noSuchImage(nameOrID);
  if (index === undefined) return requirePlatform(image, nameOrID, wanted);
  if (best !== undefined) return { ...image, references: index.references };
  throw notProvided(nameOrID, index, wanted);
}

/** Docker's error for a platform that an image hasn't in the store. */
export function notProvided(name: string, { platforms }: ImageIndex, wanted: Platform): BerthError {
  const there = presentIn(platforms).map(({ platform }) => platformText(platform));
  return new BerthError(
    "not-found",
    `image with reference ${name} was found but does not provide the specified platform (${platformText(wanted)})`,
    { hint: `The store has it for ${there.join(", ")}.` },
  );
}

function requirePlatform(image: Image, name: string, wanted: Platform): Image {
  if (matchesPlatform(wanted, image.config) || runsOn(wanted, image.config)) return image;
  const found = `image with reference ${name} was found but its platform (${platformText(image.config)})`;
  throw new BerthError("not-found", `${found} does not match the specified platform (${platformText(wanted)})`);
}

function toPlatform(sql: Sql, { digest, platform }: Descriptor, row: EntryRow | undefined): IndexPlatform {
  const imageID = row?.image_id ?? undefined;
  const own = platform ?? (imageID === undefined ? undefined : platformIn(sql, imageID));
  return {
    platform: own === undefined ? undefined : platformOf(own),
    manifest: digest,
    imageID,
    size: row?.size ?? 0,
    contentSize: row === undefined ? 0 : sizeWithBlobs(row.manifest),
  };
}

/** The platform of an image, by its config's second copy. */
function platformIn(sql: Sql, imageID: Digest): Platform | undefined {
  const row = sql.get<{ config: Uint8Array | null }>("SELECT config FROM image WHERE id = ?", imageID);
  return row?.config ? parseImageConfig(Buffer.from(row.config)) : undefined;
}

function platformOf({ os, architecture, variant }: Platform): Platform {
  return variant ? { os, architecture, variant } : { os, architecture };
}
