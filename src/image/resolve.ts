import { ambiguousPrefix } from "../base/ambiguous.ts";
import type { Sql } from "../metadata/database.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { familiar, parseReference, type Reference, withDefaultTag } from "../oci/reference.ts";

/** What a name or an ID means. */
export interface Target {
  /** The image, which for an index is the one that stands for it. */
  readonly id: Digest;
  /** The index, where the name or the digest is that of an image for several platforms. */
  readonly index: Digest | undefined;
}

/** Tags and names by digest, as one table. */
export const imageNames =
  "(SELECT reference, image_id, index_digest FROM image_reference UNION ALL SELECT reference, image_id, index_digest FROM repo_digest)";

/**
 * What a name, an ID, the digest of an index or a unique prefix of these means, in Docker's order: whole ID, name, prefix.
 *
 * @returns undefined, when there is none
 * @throws {BerthError} conflict, when a prefix is ambiguous; invalid-argument, for a malformed name
 */
export function resolveTarget(sql: Sql, nameOrID: string): Target | undefined {
  const whole = nameOrID.startsWith("sha256:") ? nameOrID : `sha256:${nameOrID}`;
  if (isDigest(whole)) return targetsIn(sql, whole, whole)[0];
  const named = byName(sql, parseReference(nameOrID));
  if (named !== undefined) return named;
  const prefix = /^(?:sha256:)?([a-f0-9]+)$/.exec(nameOrID)?.[1];
  return prefix === undefined ? undefined : byPrefix(sql, prefix);
}

/** The name under which an image is found: where a name has a digest its tag says nothing, since the content can't change. */
export function storedName(reference: Reference): string {
  const { domain, path, digest } = reference;
  return familiar(digest === undefined ? withDefaultTag(reference) : { domain, path, digest });
}

function byName(sql: Sql, reference: Reference): Target | undefined {
  const row = sql.get<{ id: Digest; index: Digest | null }>(
    `SELECT image_id AS id, index_digest AS 'index' FROM ${imageNames} WHERE reference = ?`,
    storedName(reference),
  );
  return row === undefined ? undefined : { id: row.id, index: row.index ?? undefined };
}

function byPrefix(sql: Sql, prefix: string): Target | undefined {
  const found = targetsIn(sql, `sha256:${prefix}`, `sha256:${prefix}g`);
  if (found.length <= 1) return found[0];
  throw ambiguousPrefix({
    kind: "conflict",
    message: `multiple IDs found with provided prefix: ${prefix}`,
    candidates: found.map(({ id, index, name }) => ({ id: index ?? id, name: name ?? undefined })),
  });
}

/** Images and indexes whose digests lie between two texts, these included. */
function targetsIn(sql: Sql, first: string, last: string): readonly (Target & { readonly name: string | null })[] {
  const images = sql.all<{ id: Digest; name: string | null }>(
    `SELECT id, (SELECT min(reference) FROM ${imageNames} WHERE image_id = id) AS name
     FROM image WHERE id >= ? AND id <= ? ORDER BY id`,
    first,
    last,
  );
  const indexes = sql.all<{ id: Digest; index: Digest; name: string | null }>(
    `SELECT image_id AS id, digest AS 'index',
       (SELECT min(reference) FROM ${imageNames} WHERE index_digest = digest) AS name
     FROM image_index WHERE digest >= ? AND digest <= ? ORDER BY digest`,
    first,
    last,
  );
  return [...images.map((row) => ({ ...row, index: undefined })), ...indexes];
}
