import { BerthError } from "../base/errors.ts";
import type { Sql } from "../metadata/database.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { familiar, parseReference, withDefaultTag } from "../oci/reference.ts";

/** Candidates that an ambiguous prefix is shown with. */
const shownCandidates = 5;

/**
 * The ID of the image that a name, an ID or a unique ID prefix means, in Docker's order: whole ID, name, prefix.
 *
 * @returns undefined, when there is none
 * @throws {BerthError} conflict, when a prefix is ambiguous; invalid-argument, for a malformed name
 */
export function resolveImageID(sql: Sql, nameOrID: string): Digest | undefined {
  const whole = nameOrID.startsWith("sha256:") ? nameOrID : `sha256:${nameOrID}`;
  if (isDigest(whole)) return sql.get<{ id: Digest }>("SELECT id FROM image WHERE id = ?", whole)?.id;
  const named = byName(sql, nameOrID);
  if (named !== undefined) return named;
  const prefix = /^(?:sha256:)?([a-f0-9]+)$/.exec(nameOrID)?.[1];
  return prefix === undefined ? undefined : byPrefix(sql, prefix);
}

function byName(sql: Sql, name: string): Digest | undefined {
  if (name.startsWith("sha256:")) return undefined;
  const reference = withDefaultTag(parseReference(name));
  const row = sql.get<{ id: Digest }>(
    "SELECT image_id AS id FROM image_reference WHERE reference = ?",
    familiar({ ...reference }),
  );
  return row?.id;
}

function byPrefix(sql: Sql, prefix: string): Digest | undefined {
  const rows = sql.all<{ id: Digest }>(
    "SELECT id FROM image WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
    `sha256:${prefix}`,
    `sha256:${prefix}g`,
    shownCandidates + 1,
  );
  if (rows.length > 1) {
    const candidates = rows.slice(0, shownCandidates).map(({ id }) => id.slice(7, 19));
    throw new BerthError("conflict", `multiple IDs found with provided prefix: ${prefix}`, {
      hint: `It means one of ${candidates.join(", ")}${rows.length > shownCandidates ? ", …" : ""}: type more of it.`,
    });
  }
  return rows[0]?.id;
}
