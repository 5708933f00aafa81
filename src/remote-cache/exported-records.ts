import type { Database } from "../metadata/database.ts";
import type { ChainID } from "../oci/digest.ts";
import type { CacheRecord } from "./config.ts";
import type { ImportedCache } from "./imported-cache.ts";
import type { StepRecord } from "./step-records.ts";

/** What a build has for a key. */
export interface ExportedRecord {
  readonly key: string;
  readonly chainID: ChainID;
  /** RFC 3339. */
  readonly created: string;
  readonly name: string;
}

/**
 * Records as a config has them: berth's, then BuildKit's, whose links are numbers of these.
 *
 * @param layerOf number of the topmost layer of a file system; undefined where it doesn't travel
 */
export function writtenRecords(
  { records, steps }: { readonly records: readonly ExportedRecord[]; readonly steps: readonly StepRecord[] },
  layerOf: (chainID: ChainID) => number | undefined,
): readonly CacheRecord[] {
  const resultOf = ({ chainID, created }: { readonly chainID: ChainID; readonly created: string }) => {
    const layer = layerOf(chainID);
    return layer === undefined ? {} : { layers: [{ layer, createdAt: created }] };
  };
  const own = records.map((record): CacheRecord => {
    const { key: digest, chainID: chain, created, name } = record;
    return { digest, ...resultOf(record), berth: { chain, created, name } };
  });
  const others = steps.map(({ digest, inputs, result }): CacheRecord => {
    const links = inputs.map((input) => input.map(({ link, ...rest }) => ({ link: link + own.length, ...rest })));
    return { digest, ...(result && resultOf(result)), ...(links.length === 0 ? {} : { inputs: links }) };
  });
  return [...own, ...others];
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
