import type { Sql } from "../metadata/database.ts";
import type { DiffID, Digest } from "../oci/digest.ts";
import { parseImageConfig } from "../oci/image-config.ts";
import { jsonIn, partsOf } from "../oci/image-index.ts";
import { familiar, type Reference } from "../oci/reference.ts";
import type { Target } from "./resolve.ts";

/** A layer's archive in the form that travels. */
export interface PackedLayer {
  /** Of the compressed bytes; that of the archive itself where it isn't compressed. */
  readonly digest: Digest;
  readonly diffID: DiffID;
  readonly mediaType: string;
  /** Bytes, compressed. */
  readonly size: number;
}

/** What is recorded of a packed layer. */
export interface PackedRecord extends PackedLayer {
  /** How berth makes the same bytes again; null for another program's, which can only be kept. */
  readonly writer: string | null;
}

/** The writer of a manifest that a build made for the store alone: what has it elsewhere is compressed, and so is another. */
export const builtWriter = "build";

/** A blob that is kept on disk. */
export interface KeptBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/** The manifest of an image for one platform. */
export interface ManifestRecord {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** As of {@link PackedRecord}. */
  readonly writer: string | null;
}

/** What {@link recordManifest} takes. */
export interface NewManifest extends Omit<ManifestRecord, "writer"> {
  readonly imageID: Digest;
  /** Of the image's config: they say which of the manifest's layers is which. */
  readonly diffIDs: readonly DiffID[];
  /** Its layers that are blobs in the store. They stay as long as the image does. */
  readonly blobs: readonly KeptBlob[];
  /** Absent for a manifest that came from elsewhere. */
  readonly writer?: string;
}

/** Record a manifest with its layers, within the transaction that records its image or a later one. One that came in stays one. */
export function recordManifest(sql: Sql, { digest, imageID, mediaType, bytes, writer, ...rest }: NewManifest): void {
  sql.run(
    `INSERT INTO image_manifest (digest, image_id, media_type, bytes, writer) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes,
       writer = CASE WHEN writer IS NULL THEN NULL WHEN excluded.writer IS NULL THEN NULL
         WHEN writer = '${builtWriter}' THEN writer ELSE excluded.writer END`,
    ...[digest, imageID, mediaType, bytes, writer ?? null],
  );
  if (writer === undefined) recordPackedLayers(sql, packedIn(bytes, rest.diffIDs));
  for (const blob of rest.blobs) {
    sql.run(
      "INSERT INTO image_manifest_blob (manifest_digest, digest, size) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
      ...[digest, blob.digest, blob.size],
    );
  }
}

/** Record layers of the store in compressed form; others are passed over. @param writer as of {@link PackedRecord}; what is known of that stays known */
export function recordPackedLayers(sql: Sql, layers: readonly PackedLayer[], writer: string | null = null): void {
  for (const { digest, diffID, mediaType, size } of layers) {
    sql.run(
      `INSERT INTO packed_layer (digest, diff_id, media_type, size, writer) SELECT ?1, ?2, ?3, ?4, ?5
       WHERE EXISTS (SELECT 1 FROM layer WHERE diff_id = ?2)
       ON CONFLICT (digest) DO UPDATE SET writer = coalesce(excluded.writer, writer)`,
      ...[digest, diffID, mediaType, size, writer],
    );
  }
}

/** Forget a form of a layer that berth can't make any more, with the manifests of its own that name it. */
export function forgetPackedLayer(sql: Sql, digest: Digest): void {
  sql.run("DELETE FROM packed_layer WHERE digest = ?", digest);
  sql.run("DELETE FROM image_manifest WHERE writer IS NOT NULL AND instr(CAST(bytes AS TEXT), ?) > 0", digest);
}

/** Record a name by digest, Docker's RepoDigest: what a repository has of an image or an index under that digest. */
export function recordRepoDigest(
  sql: Sql,
  { domain, path, digest }: Pick<Reference, "domain" | "path"> & { readonly digest: Digest },
  { id, index }: Target,
): void {
  sql.run(
    `INSERT INTO repo_digest (reference, image_id, index_digest) VALUES (?, ?, ?)
     ON CONFLICT (reference) DO UPDATE SET image_id = excluded.image_id, index_digest = excluded.index_digest`,
    ...[familiar({ domain, path, digest }), id, index ?? null],
  );
}

/** The digest under which a repository has an image or an index, as far as is known. */
export function repoDigestOf(
  sql: Sql,
  { domain, path }: Pick<Reference, "domain" | "path">,
  { id, index }: Target,
): Digest | undefined {
  const prefix = `${familiar({ domain, path })}@`;
  return sql.get<{ digest: Digest }>(
    `SELECT substr(reference, ?1 + 1) AS digest FROM repo_digest
     WHERE substr(reference, 1, ?1) = ?2 AND index_digest IS ?3 AND (?3 IS NOT NULL OR image_id = ?4) ORDER BY reference LIMIT 1`,
    ...[prefix.length, prefix, index ?? null, id],
  )?.digest;
}

/** The layers of a manifest, by the config's diffIDs; undefined for what is no manifest of these. */
export function layersIn(manifest: Uint8Array, diffIDs: readonly DiffID[]): readonly PackedLayer[] | undefined {
  const layers = partsOf(jsonIn(manifest))?.layers;
  if (layers?.length !== diffIDs.length) return undefined;
  return layers.flatMap(({ digest, size, mediaType = "" }, index) => {
    const diffID = diffIDs[index];
    return diffID === undefined ? [] : [{ digest, diffID, mediaType, size }];
  });
}

/** {@link layersIn} that are compressed. */
export function packedIn(manifest: Uint8Array, diffIDs: readonly DiffID[]): readonly PackedLayer[] {
  return (layersIn(manifest, diffIDs) ?? []).filter(({ digest, diffID }) => digest !== diffID);
}

/** The diffIDs of an image, by its config's second copy; undefined where an older berth stored it without one. */
export function diffIDsIn(sql: Sql, imageID: Digest): readonly DiffID[] | undefined {
  const row = sql.get<{ config: Uint8Array | null }>("SELECT config FROM image WHERE id = ?", imageID);
  return row?.config ? parseImageConfig(Buffer.from(row.config)).rootfs.diff_ids : undefined;
}

const packedColumns = `digest, diff_id AS diffID, media_type AS mediaType, size, writer`;

/** A compressed layer by its digest: which layer of the store it is, whether its bytes are here or not. */
export function packedLayer(sql: Sql, digest: Digest): PackedRecord | undefined {
  return sql.get(`SELECT ${packedColumns} FROM packed_layer WHERE digest = ?`, digest);
}

/** The compressed forms of a layer that are known. */
export function packedLayersOf(sql: Sql, diffID: DiffID): readonly PackedRecord[] {
  return sql.all(`SELECT ${packedColumns} FROM packed_layer WHERE diff_id = ? ORDER BY digest`, diffID);
}

/** The manifests of an image for one platform, those that it came with first. */
export function manifestsOf(sql: Sql, imageID: Digest): readonly ManifestRecord[] {
  return sql.all(
    `SELECT digest, media_type AS mediaType, bytes, writer FROM image_manifest WHERE image_id = ?
     ORDER BY writer IS NOT NULL, rowid`,
    imageID,
  );
}

/** Whether an index is of this store alone: a build made all of its images. */
export function isBuiltIndex(sql: Sql, index: Digest): boolean {
  const row = sql.get<{ images: number; built: number }>(
    `SELECT count(*) AS images, count(own.digest) AS built FROM image_index_entry AS entry
     LEFT JOIN image_manifest AS own ON own.digest = entry.digest AND own.writer = ?
     WHERE index_digest = ? AND entry.image_id IS NOT NULL`,
    ...[builtWriter, index],
  );
  return row !== undefined && row.images > 0 && row.images === row.built;
}

/** The blobs that are kept for manifests, each with the image that it is kept for. */
export function manifestBlobs(sql: Sql): readonly (KeptBlob & { readonly imageID: Digest })[] {
  return sql.all(
    `SELECT DISTINCT kept.digest, kept.size, image_id AS imageID FROM image_manifest_blob AS kept
     JOIN image_manifest AS manifest ON manifest.digest = manifest_digest ORDER BY kept.digest`,
  );
}
