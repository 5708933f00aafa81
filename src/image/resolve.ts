import { ambiguousPrefix } from "../base/ambiguous.ts";
import type { Sql } from "../metadata/database.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { familiar, parseReference, type Reference, withDefaultTag } from "../oci/reference.ts";

/**
 * The ID of the image that a name, an ID or a unique ID prefix means, in Docker's order: whole ID, name, prefix.
 *
 * @returns undefined, when there is none
 * @throws {BerthError} conflict, when a prefix is ambiguous; invalid-argument, for a malformed name
 */
export function resolveImageID(sql: Sql, nameOrID: string): Digest | undefined {
  const whole = nameOrID.startsWith("sha256:") ? nameOrID : `sha256:${nameOrID}`;
  if (isDigest(whole)) return sql.get<{ id: Digest }>("SELECT id FROM image WHERE id = ?", whole)?.id;
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

function byName(sql: Sql, reference: Reference): Digest | undefined {
  return sql.get<{ id: Digest }>(
    "SELECT image_id AS id FROM image_reference WHERE reference = ?",
    storedName(reference),
  )?.id;
}

function byPrefix(sql: Sql, prefix: string): Digest | undefined {
  const rows = sql.all<{ id: Digest; name: string | null }>(
    `SELECT id, (SELECT min(reference) FROM image_reference WHERE image_id = id) AS name
     FROM image WHERE id >= ? AND id < ? ORDER BY id`,
    `sha256:${prefix}`,
    `sha256:${prefix}g`,
  );
  if (rows.length <= 1) return rows[0]?.id;
  throw ambiguousPrefix({
    kind: "conflict",
    message: `multiple IDs found with provided prefix: ${prefix}`,
    candidates: rows.map(({ id, name }) => ({ id, name: name ?? undefined })),
  });
}
