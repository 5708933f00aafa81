import type { Database } from "../metadata/database.ts";
import type { ChainID } from "../oci/digest.ts";
import type { RecordFacts } from "./config.ts";
import type { ImportedCache } from "./imported-cache.ts";

/** What a build has for a key. */
export interface ExportedRecord {
  readonly key: string;
  readonly chainID: ChainID;
  /** RFC 3339. */
  readonly created: string;
  readonly name: string;
}

/** What berth writes of a record beside what BuildKit reads. */
export function factsOf({ chainID, created, name }: ExportedRecord): RecordFacts {
  return { chain: chainID, created, name };
}

/** Keys of one chain that are looked up at most: equal steps of many builds come to the same. */
const keysOfChain = 64;

interface Row {
  readonly key: string;
  readonly created: string;
  readonly name: string | null;
}

/**
 * The records of a build, in the order of their keys, with the other names of what they made: a hit by one key never looks at the
 * others.
 */
export function recordsToExport(
  db: Database,
  own: Iterable<ExportedRecord>,
  imports: readonly ImportedCache[],
): readonly ExportedRecord[] {
  const all = new Map<string, ExportedRecord>();
  const chains = new Set<ChainID>();
  for (const record of own) {
    all.set(record.key, record);
    chains.add(record.chainID);
  }
  for (const chainID of chains) {
    const rows = db.read((sql) =>
      sql.all<Row>(
        `SELECT key, created, json_extract(detail, '$.name') AS name FROM build_record WHERE chain_id = ? ORDER BY used DESC LIMIT ?`,
        chainID,
        keysOfChain,
      ),
    );
    for (const { key, created, name } of rows)
      if (!all.has(key)) all.set(key, { key, chainID, created, name: name ?? "" });
  }
  for (const { records } of imports) {
    for (const { key, chainID, created, name } of records.values())
      if (chains.has(chainID) && !all.has(key)) all.set(key, { key, chainID, created, name });
  }
  return [...all.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}
