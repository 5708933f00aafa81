import type { Sql } from "../metadata/database.ts";
import type { Digest } from "../oci/digest.ts";
import { blobsIn } from "../oci/image-index.ts";
import { parseReference, type Reference } from "../oci/reference.ts";
import type { ImageDeps } from "./images.ts";

/** Names by digest that are looked at for a push, at most: of more, some mounts aren't asked for. */
const mostNames = 1000;

/**
 * Where a registry has blobs already, by what was pulled from it or pushed to it: paths of other repositories than that of
 * `target`, by the blobs' digests.
 */
export function mountSources(
  { db }: Pick<ImageDeps, "db">,
  target: Pick<Reference, "domain" | "path">,
): ReadonlyMap<Digest, string> {
  return db.read((sql) => {
    const sources = new Map<Digest, string>();
    for (const { reference } of namesIn(sql, target.domain)) {
      const { domain, path, digest = "" } = parseReference(reference);
      if (domain !== target.domain || path === target.path) continue;
      for (const blob of manifestsUnder(sql, digest).flatMap(blobsIn)) sources.set(blob.digest, path);
    }
    return sources;
  });
}

/** Names by digest of a registry; those of Docker Hub, which don't say it, are among all others. */
function namesIn(sql: Sql, domain: string): readonly { readonly reference: string }[] {
  const limit = `ORDER BY reference LIMIT ${mostNames}`;
  if (domain === "docker.io") return sql.all(`SELECT reference FROM repo_digest ${limit}`);
  // What follows `/`.
  const behind = [`${domain}/`, `${domain}0`];
  return sql.all(`SELECT reference FROM repo_digest WHERE reference >= ? AND reference < ? ${limit}`, ...behind);
}

/** The manifest with a digest, or those of the index that has it, as far as they are in the store. */
function manifestsUnder(sql: Sql, digest: string): readonly Uint8Array[] {
  const rows = sql.all<{ bytes: Uint8Array }>(
    `SELECT bytes FROM image_manifest WHERE digest = ?1
     UNION ALL SELECT manifest AS bytes FROM image_index_entry WHERE index_digest = ?1 OR digest = ?1`,
    digest,
  );
  return rows.map(({ bytes }) => bytes);
}
