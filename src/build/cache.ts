import type { Database, Sql } from "../metadata/database.ts";
import type { ChainID } from "../oci/digest.ts";

/** What an earlier build made for a key. */
export interface BuildRecord {
  readonly key: string;
  readonly chainID: ChainID;
  /** When the step ran, RFC 3339: what `history` says of its layer. */
  readonly created: string;
  /** The step's name, for people. */
  readonly name: string;
  /** When it started, RFC 3339, where a build of this machine ran it. */
  readonly started?: string;
}

/** Keys to results. A key covers the step and the content that it reads, so a record never goes stale. */
export interface BuildCache {
  find(key: string): BuildRecord | undefined;
  /**
   * Keep records, and note that they were used now, once more. The layers that they name must be durable already.
   *
   * @param options durable: false where all were there
   */
  save(records: readonly BuildRecord[], options?: { readonly durable: boolean }): Promise<void>;
}

interface Row {
  readonly chain_id: ChainID;
  readonly created: string;
  readonly detail: string;
}

/** The cache in the store's database. A record whose layer is gone is no hit. */
export function openBuildCache(db: Database, exists: (chainID: ChainID) => boolean): BuildCache {
  return {
    find: (key) => {
      const query = "SELECT chain_id, created, detail FROM build_record WHERE key = ? AND chain_id IS NOT NULL";
      const row = db.get<Row>(query, key);
      if (row === undefined || !exists(row.chain_id)) return undefined;
      return { key, chainID: row.chain_id, created: row.created, ...readDetail(row.detail) };
    },
    save: async (records, options) => {
      if (records.length === 0) return;
      const now = new Date().toISOString();
      await db.write((sql) => {
        // Steps that turned out to be the same have one record, which this build used once.
        const byKey = new Map(records.map((record) => [record.key, record]));
        for (const record of byKey.values()) if (!noteUse(sql, record, now)) keep(sql, record, now);
      }, options);
    },
  };
}

/** What a record's detail is after another use. */
const usedOnceMore = "json_set(detail, '$.uses', coalesce(json_extract(detail, '$.uses'), 1) + 1)";

/** Note that a record was used, which costs half of keeping it: no index is written. @returns false where it isn't there as it is now */
function noteUse(sql: Sql, { key, chainID, created }: BuildRecord, now: string): boolean {
  const { changes } = sql.run(
    `UPDATE build_record SET used = ?4, detail = ${usedOnceMore} WHERE key = ?1 AND chain_id = ?2 AND created = ?3`,
    ...[key, chainID, created, now],
  );
  return changes > 0;
}

function keep(sql: Sql, { key, chainID, created, name, started }: BuildRecord, now: string): void {
  sql.run(
    // A layer that was taken from an earlier build may have been pruned since.
    `INSERT INTO build_record (key, chain_id, created, used, detail)
     SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM layer WHERE chain_id = ?2)
     ON CONFLICT (key) DO UPDATE SET chain_id = excluded.chain_id, created = excluded.created, used = excluded.used,
       detail = json_patch(${usedOnceMore}, ?6)`,
    ...[key, chainID, created, now],
    JSON.stringify({ name, uses: 1, started }),
    JSON.stringify({ started: started ?? null }),
  );
}

function readDetail(detail: string): Pick<BuildRecord, "name" | "started"> {
  const { name, started } = JSON.parse(detail) as { readonly name?: unknown; readonly started?: unknown };
  return { name: typeof name === "string" ? name : "", ...(typeof started === "string" && { started }) };
}
