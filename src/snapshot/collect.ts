import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Operation } from "../base/operation.ts";
import type { Host } from "../host/host.ts";
import type { Database, Sql } from "../metadata/database.ts";
import type { ChainID, Digest } from "../oci/digest.ts";
import {
  allRecords,
  deleteRecord,
  type LayerRecord,
  layerFiles,
  numberOf,
  ownedKeys,
  referredChains,
} from "./layer-records.ts";
import { heldNames } from "./lease.ts";
import type { StorePaths } from "./store-paths.ts";

/** What a collection deleted. */
export interface Collected {
  /** Each before the layer that it lay on. */
  readonly layers: readonly ChainID[];
  /** Bytes of the layers' files. */
  readonly bytes: number;
}

/**
 * Names under which a lease holds a recorded layer, a layer's directory (with its recipe) that has no record yet, an active
 * snapshot, a scratch directory, and a blob.
 */
export const leaseNames: {
  readonly chain: (chainID: ChainID) => string;
  readonly directory: (number: number | string) => string;
  readonly active: (key: string) => string;
  readonly scratch: (name: string) => string;
  readonly blob: (digest: Digest) => string;
} = {
  chain: (chainID) => `chain-${chainID}`,
  directory: (number) => `layer-${number}`,
  active: (key) => `active-${key}`,
  scratch: (name) => `scratch-${name}`,
  blob: (digest) => `blob-${digest}`,
};

/** What {@link collectGarbage} works on. */
export interface CollectDeps {
  readonly host: Host;
  readonly db: Database;
  readonly paths: StorePaths;
}

/** What nothing needs and no living process holds. */
export interface Unneeded {
  /** Each before the layer that it lies on. */
  readonly layers: readonly LayerRecord[];
  /** Absolute paths of what has no record. */
  readonly paths: readonly string[];
}

/**
 * Delete the layers that nothing refers to and no living process holds, the directories of layers that were never
 * recorded, the active snapshots whose process is gone and that are no container's, and the scratch directories of such processes.
 */
export async function collectGarbage(deps: CollectDeps, operation: Operation = {}): Promise<Collected> {
  const { layers, paths } = await findUnneeded(deps, (sql, doomed) => {
    for (const { chainID } of doomed) deleteRecord(sql, chainID);
  });
  for (const path of [...layers.flatMap((layer) => layerFiles(layer.path)), ...paths]) {
    operation.signal?.throwIfAborted();
    // Node's other one keeps a promise for each file.
    rmSync(path, { recursive: true, force: true });
  }
  return { layers: layers.map(({ chainID }) => chainID), bytes: layers.reduce((sum, { size }) => sum + size, 0) };
}

/** Find what {@link collectGarbage} would delete. @param act what is done in the same transaction */
export async function findUnneeded(
  { host, db, paths }: CollectDeps,
  act: (sql: Sql, layers: readonly LayerRecord[]) => void = () => {},
): Promise<Unneeded> {
  // Listed first: whoever makes one of these holds it before, and lets go after its record is written.
  const found = {
    layers: readdirSync(paths.layers),
    active: readdirSync(paths.active),
    scratch: readdirSync(paths.scratch),
  };
  return await db.write((sql) => {
    const held = heldNames(host.syscalls, paths.leases);
    const all = allRecords(sql, paths.layers);
    const layers = unneeded(sql, all, held);
    act(sql, layers);
    const recorded = new Set(all.map(({ path }) => path));
    const owned = ownedKeys(sql);
    const isLayerGarbage = (number: string): boolean =>
      !recorded.has(join(paths.layers, number)) && !held.has(leaseNames.directory(number));
    const isActiveGarbage = (key: string): boolean => !owned.has(key) && !held.has(leaseNames.active(key));
    return {
      layers,
      paths: [
        ...found.layers.filter((name) => isLayerGarbage(numberOf(name))).map((name) => join(paths.layers, name)),
        ...found.active.filter(isActiveGarbage).map((key) => join(paths.active, key)),
        ...found.scratch.filter((name) => !held.has(leaseNames.scratch(name))).map((name) => join(paths.scratch, name)),
      ],
    };
  });
}

/** @param all each before the layer that it lies on */
function unneeded(sql: Sql, all: readonly LayerRecord[], held: ReadonlySet<string>): readonly LayerRecord[] {
  const needed = new Set<string>(referredChains(sql));
  return all.filter((layer) => {
    const isNeeded = needed.has(layer.chainID) || held.has(leaseNames.chain(layer.chainID));
    if (isNeeded && layer.parent !== undefined) needed.add(layer.parent);
    return !isNeeded;
  });
}
