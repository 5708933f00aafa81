import type { Sql } from "../metadata/database.ts";
import type { Digest } from "../oci/digest.ts";
import { type Descriptor, entriesOf, jsonIn, partsOf } from "../oci/image-index.ts";
import { familiar, fullName, type Reference } from "../oci/reference.ts";
import type { KeptBlob } from "./manifest-records.ts";

/** A repository of a registry. */
export type RepositoryName = Pick<Reference, "domain" | "path">;

/** A manifest or index that passes through the cache. */
export interface PassingManifest {
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor & { readonly mediaType: string };
}

/** What a tag led to when its registry was last asked. */
export interface CachedTag {
  readonly digest: Digest;
  /** When that was, milliseconds since the epoch. */
  readonly checked: number;
}

/** Keep a manifest, and note what its repository has by it. @param now milliseconds since the epoch */
export function cacheManifest(
  sql: Sql,
  name: RepositoryName,
  { bytes, descriptor }: PassingManifest,
  now: number,
): void {
  const { digest, size, mediaType } = descriptor;
  sql.run(
    `INSERT INTO cached_content (digest, size, media_type, bytes, used) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (digest) DO UPDATE SET used = excluded.used`,
    ...[digest, size, mediaType, bytes, now],
  );
  for (const each of [descriptor, ...namedIn(bytes)]) link(sql, name, each, digest);
}

/** Keep a blob, whose file is there. @param now as of {@link cacheManifest} */
export function cacheBlob(sql: Sql, name: RepositoryName, blob: KeptBlob, now: number): void {
  sql.run(
    `INSERT INTO cached_content (digest, size, used) VALUES (?, ?, ?)
     ON CONFLICT (digest) DO UPDATE SET used = excluded.used`,
    ...[blob.digest, blob.size, now],
  );
  link(sql, name, blob, blob.digest);
}

/** Note what a tag leads to: a manifest that is kept. @param now as of {@link cacheManifest} */
export function cacheTag(sql: Sql, reference: Reference & { readonly tag: string }, digest: Digest, now: number): void {
  sql.run(
    `INSERT INTO cached_tag (repository, tag, digest, checked) VALUES (?, ?, ?, ?)
     ON CONFLICT (repository, tag) DO UPDATE SET digest = excluded.digest, checked = excluded.checked`,
    ...[repositoryText(reference), reference.tag, digest, now],
  );
}

/** Forget a tag that its registry has no more. */
export function dropTag(sql: Sql, reference: Reference & { readonly tag: string }): void {
  sql.run("DELETE FROM cached_tag WHERE repository = ? AND tag = ?", repositoryText(reference), reference.tag);
}

/**
 * What a tag led to: as the cache last heard it, or else as it was when the image was pulled, which counts as never asked.
 */
export function cachedTag(sql: Sql, reference: Reference & { readonly tag: string }): CachedTag | undefined {
  const { domain, path, tag } = reference;
  const cached = sql.get<CachedTag>(
    "SELECT digest, checked FROM cached_tag WHERE repository = ? AND tag = ?",
    ...[repositoryText(reference), tag],
  );
  if (cached !== undefined) return cached;
  const prefix = `${familiar({ domain, path })}@`;
  return sql.get<CachedTag>(
    `SELECT substr(known.reference, ?1 + 1) AS digest, 0 AS checked FROM image_reference AS named
     JOIN repo_digest AS known ON known.image_id = named.image_id AND known.index_digest IS named.index_digest
     WHERE named.reference = ?2 AND substr(known.reference, 1, ?1) = ?3 ORDER BY known.reference LIMIT 1`,
    ...[prefix.length, familiar({ domain, path, tag }), prefix],
  );
}

/** The tags of a repository that the cache has heard of, in order. */
export function cachedTags(sql: Sql, name: RepositoryName): readonly string[] {
  return sql
    .all<{ tag: string }>("SELECT tag FROM cached_tag WHERE repository = ? ORDER BY tag", repositoryText(name))
    .map(({ tag }) => tag);
}

/** Bytes of what a repository is known to have by the cache, manifest or blob, whether it is kept or not; undefined where it isn't known. */
export function linkedSize(sql: Sql, name: RepositoryName, digest: string): number | undefined {
  return sql.get<{ size: number }>(
    "SELECT size FROM cached_link WHERE repository = ? AND digest = ? LIMIT 1",
    ...[repositoryText(name), digest],
  )?.size;
}

/** Whether a manifest of a repository is kept by the cache. */
export function isCached(sql: Sql, name: RepositoryName, digest: string): boolean {
  const row = sql.get(
    `SELECT 1 FROM cached_link JOIN cached_content USING (digest)
     WHERE repository = ? AND digest = ? AND bytes IS NOT NULL LIMIT 1`,
    ...[repositoryText(name), digest],
  );
  return row !== undefined;
}

/** The blobs that the cache keeps. */
export function cachedBlobs(sql: Sql): readonly KeptBlob[] {
  return sql.all("SELECT digest, size FROM cached_content WHERE bytes IS NULL ORDER BY digest");
}

/** The manifests that the cache keeps. */
export function cachedManifests(sql: Sql): readonly { readonly digest: Digest; readonly bytes: Uint8Array }[] {
  return sql.all("SELECT digest, bytes FROM cached_content WHERE bytes IS NOT NULL ORDER BY digest");
}

/** Note when something was last asked for. @param used milliseconds since the epoch */
export function noteUse(sql: Sql, digest: Digest, used: number): void {
  sql.run("UPDATE cached_content SET used = ? WHERE digest = ? AND used < ?", used, digest, used);
}

/** Forget what was asked for least recently until `most` bytes are left. Files go by `collectBlobs`. @returns bytes forgotten */
export function shrinkCache(sql: Sql, most: number): number {
  const rows = sql.all<KeptBlob>("SELECT digest, size FROM cached_content ORDER BY used, digest");
  const total = rows.reduce((sum, { size }) => sum + size, 0);
  let left = total;
  for (const { digest, size } of rows) {
    if (left <= most) break;
    dropCached(sql, digest);
    left -= size;
  }
  return total - left;
}

/** Forget one blob or manifest, with the tags that lead to it. */
export function dropCached(sql: Sql, digest: Digest): void {
  sql.run("DELETE FROM cached_content WHERE digest = ?", digest);
}

/** A manifest that the cache keeps, for a list. */
export interface CachedManifest {
  /** `docker.io/library/busybox` */
  readonly repository: string;
  /** In order; none for what was only asked for by its digest. */
  readonly tags: readonly string[];
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of the manifest, and of the blobs that it names and the cache keeps. */
  readonly size: number;
  /** When it was last asked for, milliseconds since the epoch. */
  readonly used: number;
}

/** Every manifest that the cache keeps, by repository, those that were used last first. */
export function listCache(sql: Sql): readonly CachedManifest[] {
  const rows = sql.all<Omit<CachedManifest, "tags"> & { readonly tags: string }>(
    `SELECT own.repository, own.digest, kept.media_type AS mediaType, kept.used,
       (SELECT json_group_array(tag) FROM (SELECT tag FROM cached_tag
         WHERE repository = own.repository AND digest = own.digest ORDER BY tag)) AS tags,
       (SELECT coalesce(sum(size), 0) FROM cached_content WHERE digest IN
         (SELECT digest FROM cached_link WHERE repository = own.repository AND named_by = own.digest)) AS size
     FROM cached_link AS own JOIN cached_content AS kept ON kept.digest = own.digest
     WHERE own.digest = own.named_by AND kept.bytes IS NOT NULL
     ORDER BY own.repository, kept.used DESC, own.digest`,
  );
  return rows.map((row) => ({ ...row, tags: JSON.parse(row.tags) as string[] }));
}

function link(sql: Sql, name: RepositoryName, { digest, size }: KeptBlob, namedBy: Digest): void {
  sql.run(
    `INSERT INTO cached_link (repository, digest, size, named_by) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    ...[repositoryText(name), digest, size, namedBy],
  );
}

/** Everything that a manifest or index points to. */
function namedIn(bytes: Uint8Array): readonly Descriptor[] {
  const value = jsonIn(bytes);
  const parts = partsOf(value);
  return parts === undefined ? (entriesOf(value) ?? []) : [parts.config, ...parts.layers];
}

function repositoryText({ domain, path }: RepositoryName): string {
  return fullName({ domain, path });
}
