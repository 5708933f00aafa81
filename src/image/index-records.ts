import type { Sql } from "../metadata/database.ts";
import type { Digest } from "../oci/digest.ts";
import { attestedBy, contentsOf, entriesOf, type IndexContents, jsonIn } from "../oci/image-index.ts";
import type { Platform } from "../oci/platform.ts";
import { choose } from "../oci/platform-choice.ts";
import { diffIDsIn, packedIn, recordPackedLayers } from "./manifest-records.ts";
import { imageNames } from "./resolve.ts";

/** What is recorded of an index. */
export interface NewIndex {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly entries: readonly NewEntry[];
}

/** A manifest of an index that came in, or an index in it. */
export interface NewEntry {
  readonly digest: Digest;
  readonly manifest: Buffer;
  /** Undefined for what is no image. */
  readonly imageID: Digest | undefined;
  readonly platform: Platform | undefined;
  /** The blobs that are kept beside: layers that are compressed, all of an attestation. */
  readonly blobs: readonly { readonly digest: Digest; readonly size: number }[];
}

/** A manifest of an index that is in the store, or an index in it. */
export interface EntryRow {
  readonly digest: Digest;
  readonly manifest: Uint8Array;
  /** Null for what is no image: an attestation, an index. */
  readonly image_id: Digest | null;
  /** Bytes of its layers, and of what is kept beside. */
  readonly size: number;
}

/** An image that is in the store, and its platform. */
export interface Present {
  readonly imageID: Digest;
  readonly platform: Platform;
}

/**
 * Record an index, within the transaction that records its images. What was here of it before stays.
 *
 * @returns the image that stands for it
 */
export function recordIndex(sql: Sql, { digest, mediaType, bytes, entries }: NewIndex): Digest {
  const before = sql.get<{ image_id: Digest }>("SELECT image_id FROM image_index WHERE digest = ?", digest)?.image_id;
  const stands = standing(presentIn(entries), before);
  if (stands === undefined) throw new Error(`index ${digest} has no image`);
  sql.run(
    `INSERT INTO image_index (digest, media_type, bytes, image_id) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes`,
    ...[digest, mediaType, bytes, stands],
  );
  standFor(sql, digest, stands);
  for (const entry of entries) {
    sql.run(
      `INSERT INTO image_index_entry (index_digest, digest, manifest, image_id) VALUES (?, ?, ?, ?)
       ON CONFLICT (index_digest, digest) DO UPDATE SET manifest = excluded.manifest, image_id = excluded.image_id`,
      ...[digest, entry.digest, entry.manifest, entry.imageID ?? null],
    );
    if (entry.imageID !== undefined) {
      recordPackedLayers(sql, packedIn(entry.manifest, diffIDsIn(sql, entry.imageID) ?? []));
    }
    for (const blob of entry.blobs) {
      sql.run(
        `INSERT INTO image_index_blob (index_digest, entry_digest, digest, size) VALUES (?, ?, ?, ?)
         ON CONFLICT DO NOTHING`,
        ...[digest, entry.digest, blob.digest, blob.size],
      );
    }
  }
  return stands;
}

/** Of the images of an index the one that stands for it: this machine's, or else what did before, or else the first. */
export function standing(images: readonly Present[], before: Digest | undefined): Digest | undefined {
  return choose(undefined, images, ({ platform }) => platform)?.imageID ?? before ?? images[0]?.imageID;
}

/** Let an image stand for an index, also where its names are. */
export function standFor(sql: Sql, index: Digest, imageID: Digest): void {
  sql.run("UPDATE image_index SET image_id = ? WHERE digest = ?", imageID, index);
  sql.run("UPDATE image_reference SET image_id = ? WHERE index_digest = ?", imageID, index);
  sql.run("UPDATE repo_digest SET image_id = ? WHERE index_digest = ?", imageID, index);
}

/** Those whose image is in the store. */
export function presentIn<T extends { readonly platform: Platform | undefined; readonly imageID: Digest | undefined }>(
  platforms: readonly T[],
): readonly (T & Present)[] {
  return platforms.flatMap((each) => {
    const { platform, imageID } = each;
    return platform === undefined || imageID === undefined ? [] : [{ ...each, platform, imageID }];
  });
}

/** The manifests of an index that are in the store, and the indexes in it. */
export function entryRows(sql: Sql, index: Digest): readonly EntryRow[] {
  return sql.all<EntryRow>(
    `SELECT digest, manifest, image_id, coalesce((SELECT size FROM image WHERE id = image_id), 0)
       + (SELECT coalesce(sum(size), 0) FROM image_index_blob AS kept
          WHERE kept.index_digest = entry.index_digest AND entry_digest = entry.digest) AS size
     FROM image_index_entry AS entry WHERE index_digest = ?`,
    index,
  );
}

/** What an index names, through the indexes in it. One that is damaged names nothing; `system check` tells. */
export function namedIn(bytes: Uint8Array, rows: readonly EntryRow[]): IndexContents {
  const manifests = new Map(rows.map(({ digest, manifest }) => [digest, manifest]));
  return contentsOf(entriesOf(jsonIn(bytes)) ?? [], (digest) => manifests.get(digest));
}

/** Bytes of the layers of all that is here of an index, and of what is kept beside, each once. */
export function indexSize(sql: Sql, index: Digest): number {
  const row = sql.get<{ layers: number; kept: number }>(
    `SELECT (SELECT coalesce(sum(size), 0) FROM layer WHERE chain_id IN (
         SELECT chain_id FROM image_layer JOIN image_index_entry USING (image_id) WHERE index_digest = ?1)) AS layers,
       (SELECT coalesce(sum(size), 0) FROM (
         SELECT DISTINCT digest, size FROM image_index_blob WHERE index_digest = ?1)) AS kept`,
    index,
  );
  return (row?.layers ?? 0) + (row?.kept ?? 0);
}

/** The blobs that are kept for indexes. */
export function indexBlobs(
  sql: Sql,
): readonly { readonly digest: Digest; readonly size: number; readonly index: Digest }[] {
  return sql.all("SELECT DISTINCT digest, size, index_digest AS 'index' FROM image_index_blob ORDER BY digest");
}

/** The indexes that an image stands for. */
export function indexesFor(sql: Sql, imageID: Digest): readonly Digest[] {
  const rows = sql.all<{ digest: Digest }>(
    "SELECT digest FROM image_index WHERE image_id = ? ORDER BY digest",
    imageID,
  );
  return rows.map(({ digest }) => digest);
}

/** The manifests by which an image is a platform of indexes. */
export function entriesFor(sql: Sql, imageID: Digest): readonly { readonly index: Digest; readonly digest: Digest }[] {
  return sql.all("SELECT index_digest AS 'index', digest FROM image_index_entry WHERE image_id = ?", imageID);
}

/** The images of an index that neither a name of their own nor another index has. */
export function soleImages(sql: Sql, index: Digest): readonly Digest[] {
  const rows = sql.all<{ id: Digest }>(
    `SELECT DISTINCT image_id AS id FROM image_index_entry AS entry
     WHERE index_digest = ?1 AND image_id IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM image_index_entry WHERE image_id = entry.image_id AND index_digest != ?1)
       AND NOT EXISTS (SELECT 1 FROM ${imageNames}
                       WHERE image_id = entry.image_id AND (index_digest IS NULL OR index_digest != ?1))`,
    index,
  );
  return rows.map(({ id }) => id);
}

/** Forget a manifest of an index, with what attests to it. */
export function deleteEntry(sql: Sql, index: Digest, digest: Digest): void {
  const row = sql.get<{ bytes: Uint8Array }>("SELECT bytes FROM image_index WHERE digest = ?", index);
  const manifests = row === undefined ? [] : namedIn(row.bytes, entryRows(sql, index)).manifests;
  const about = manifests.filter((entry) => attestedBy(entry) === digest).map((entry) => entry.digest);
  for (const gone of [digest, ...about]) {
    sql.run("DELETE FROM image_index_entry WHERE index_digest = ? AND digest = ?", index, gone);
  }
}
