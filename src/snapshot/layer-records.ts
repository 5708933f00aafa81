import { join } from "node:path";
import type { LayerWriter } from "../archive/layer-tar.ts";
import { BerthError } from "../base/errors.ts";
import type { Sql } from "../metadata/database.ts";
import type { ChainID, DiffID } from "../oci/digest.ts";

/** A committed snapshot. */
export interface LayerRecord {
  readonly chainID: ChainID;
  readonly diffID: DiffID;
  readonly parent: ChainID | undefined;
  /** Sum of the sizes of its regular files and symlinks, in bytes (what `history` shows). */
  readonly size: number;
  /** Writes the archive that the diffID is of; `recipe` for one that another program wrote, whose recipe is beside the directory. */
  readonly writer: LayerWriter | "recipe";
  /** Length of that archive, bytes; undefined for a layer that was recorded before this was. */
  readonly bytes: number | undefined;
  /** Absolute path of the directory of differences. */
  readonly path: string;
}

interface Row {
  readonly id: number;
  readonly chain_id: ChainID;
  readonly diff_id: DiffID;
  readonly size: number;
  readonly writer: LayerWriter | typeof recipeNumber;
  readonly bytes: number | null;
  readonly parent: ChainID | null;
}

/** The writer of a layer that has a recipe, as recorded. */
const recipeNumber = 0;

const select = `SELECT layer.id, layer.chain_id, layer.diff_id, layer.size, layer.writer, layer.bytes, below.chain_id AS parent
  FROM layer LEFT JOIN layer AS below ON below.id = layer.parent`;

/** The chains that something needs: the one place that knows who refers to layers. */
const referrers = `SELECT chain_id FROM image_layer
  UNION SELECT chain_id FROM container WHERE chain_id IS NOT NULL
  UNION SELECT chain_id FROM build_record WHERE chain_id IS NOT NULL
  UNION SELECT chain_id FROM kept_step_layer`;

/** The record of a layer. @param directory where layers lie */
export function findRecord(sql: Pick<Sql, "get">, directory: string, chainID: ChainID): LayerRecord | undefined {
  const row = sql.get<Row>(`${select} WHERE layer.chain_id = ?`, chainID);
  return row === undefined ? undefined : recordOf(row, directory);
}

/** Every layer, the newest first: each comes before the layer that it lies on. */
export function allRecords(sql: Sql, directory: string): readonly LayerRecord[] {
  return sql.all<Row>(`${select} ORDER BY layer.id DESC`).map((row) => recordOf(row, directory));
}

/** The chains that images, containers, build records and kept steps name. */
export function referredChains(sql: Sql): ReadonlySet<string> {
  return new Set(sql.all<{ chain_id: string }>(referrers).map((row) => row.chain_id));
}

/** The keys of the active snapshots that belong to containers, and of those that are kept of build steps that failed. */
export function ownedKeys(sql: Sql): ReadonlySet<string> {
  const query = `SELECT id FROM container UNION SELECT files_key FROM kept_step
    UNION SELECT mounts_key FROM kept_step WHERE mounts_key IS NOT NULL`;
  return new Set(sql.all<{ id: string }>(query).map((row) => row.id));
}

/** The largest number that a layer ever had. */
export function lastNumber(sql: Sql): number {
  return sql.get<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'layer'")?.seq ?? 0;
}

/**
 * Record a layer whose directory is in place and on disk.
 *
 * @returns false, when another process recorded the same chain first
 * @throws {BerthError} data-loss, when its parent is gone
 */
export function insertRecord(sql: Sql, number: number, layer: Omit<LayerRecord, "path">): boolean {
  const parent =
    layer.parent === undefined
      ? undefined
      : sql.get<{ id: number }>("SELECT id FROM layer WHERE chain_id = ?", layer.parent);
  if (layer.parent !== undefined && parent === undefined) {
    throw new BerthError("data-loss", `layer ${layer.parent} is gone`);
  }
  const { changes } = sql.run(
    `INSERT INTO layer (id, chain_id, parent, diff_id, size, writer, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (chain_id) DO NOTHING`,
    ...[number, layer.chainID, parent?.id ?? null, layer.diffID, layer.size],
    ...[layer.writer === "recipe" ? recipeNumber : layer.writer, layer.bytes ?? null],
  );
  return changes > 0;
}

/** Put right what a layer's record says of its archive and its files. */
export function correctRecord(
  sql: Sql,
  chainID: ChainID,
  change: Partial<Pick<LayerRecord, "size" | "bytes"> & { readonly writer: LayerWriter }>,
): void {
  const { size, bytes, writer } = change;
  const update = `UPDATE layer SET size = coalesce(?, size), bytes = coalesce(?, bytes), writer = coalesce(?, writer)
    WHERE chain_id = ?`;
  sql.run(update, size ?? null, bytes ?? null, writer ?? null, chainID);
}

/** Forget a layer. Those above it must have been forgotten before. */
export function deleteRecord(sql: Sql, chainID: ChainID): void {
  sql.run("DELETE FROM layer WHERE chain_id = ?", chainID);
}

function recordOf(row: Row, directory: string): LayerRecord {
  return {
    chainID: row.chain_id,
    diffID: row.diff_id,
    parent: row.parent ?? undefined,
    size: row.size,
    writer: row.writer === recipeNumber ? "recipe" : row.writer,
    bytes: row.bytes ?? undefined,
    path: join(directory, String(row.id)),
  };
}

/** Where the recipe of a layer lies: beside its directory, so that one name holds and one sync keeps both. */
export function recipePath(layerPath: string): string {
  return `${layerPath}.recipe`;
}

/** Where it is written what a layer's directory holds: {@link ManifestEntry} by entry. */
export function manifestPath(layerPath: string): string {
  return `${layerPath}.manifest`;
}

/** Everything that lies in the store for one layer. */
export function layerFiles(layerPath: string): readonly string[] {
  return [layerPath, recipePath(layerPath), manifestPath(layerPath)];
}

/** The number of the layer that a name in the directory of layers belongs to. */
export function numberOf(name: string): string {
  return name.replace(/\.(?:recipe|manifest)$/, "");
}
