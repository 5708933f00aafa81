import type { Problem } from "../base/problem.ts";
import type { Database, Sql } from "../metadata/database.ts";

/** The images and containers that a problem touches, by name and in the order of their names. */
export function usersOf(
  db: Database,
  { chainID, imageID, containerID }: Problem,
): { readonly images: readonly string[]; readonly containers: readonly string[] } {
  return db.read((sql) => {
    const images = [...given(imageID), ...idsOf(sql, ofLayer, chainID)];
    const ofImages = images.flatMap((id) => idsOf(sql, "SELECT id FROM container WHERE image_id = ?", id));
    const containers = [...given(containerID), ...idsOf(sql, aboveLayer, chainID), ...ofImages];
    return {
      images: [...new Set(images)].flatMap((id) => namesOf(sql, id)).sort(),
      containers: [...new Set(containers)].flatMap((id) => idsOf(sql, containerName, id)).sort(),
    };
  });
}

const given = (id: string | undefined): readonly string[] => (id === undefined ? [] : [id]);

const ofLayer = "SELECT image_id AS id FROM image_layer WHERE chain_id = ?";
const containerName = "SELECT name AS id FROM container WHERE id = ?";

/** The containers whose layers are this one and what lies on it. */
const aboveLayer = `WITH RECURSIVE above (id, chain_id) AS (
    SELECT id, chain_id FROM layer WHERE chain_id = ?
    UNION SELECT layer.id, layer.chain_id FROM layer JOIN above ON layer.parent = above.id
  ) SELECT container.id FROM container JOIN above USING (chain_id)`;

function idsOf(sql: Sql, query: string, parameter: string | undefined): readonly string[] {
  return parameter === undefined ? [] : sql.all<{ id: string }>(query, parameter).map(({ id }) => id);
}

function namesOf(sql: Sql, image: string): readonly string[] {
  const names = idsOf(sql, "SELECT reference AS id FROM image_reference WHERE image_id = ? ORDER BY 1", image);
  return names.length > 0 ? names : [image];
}
