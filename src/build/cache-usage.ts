import { existsSync, lstatSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { bytesOf } from "../archive/byte-string.ts";
import { walk } from "../archive/walk.ts";
import { codeOf } from "../base/errors.ts";
import { namesIn } from "../host/held-dir.ts";
import type { Host } from "../host/host.ts";
import { tryLock } from "../host/lock.ts";
import type { Database } from "../metadata/database.ts";
import { type ChainID, hexOf } from "../oci/digest.ts";
import type { Layer, Snapshotter } from "../snapshot/snapshotter.ts";

/** What a build left. */
export interface BuildUsage {
  readonly id: string;
  /** `regular` is a step's layer, `exec.cachemount` the directory of a cache mount, `exec.failed` what a step that failed has left. */
  readonly type: "regular" | "exec.cachemount" | "exec.failed";
  readonly description: string;
  readonly size: number;
  /** RFC 3339. */
  readonly created: string;
  readonly used: string;
  /** How many builds had it; undefined where nobody counts. */
  readonly uses?: number;
  /** An image or a container has the same layer: removing the record frees nothing. */
  readonly shared: boolean;
  /** The layer; undefined for a cache mount. */
  readonly chainID?: ChainID;
  /** False for a layer that is kept for those above it alone. */
  readonly isRecord: boolean;
}

/** What the build cache is looked up in. */
export interface CacheUsageDeps {
  readonly host: Pick<Host, "root" | "syscalls">;
  readonly db: Database;
  readonly snapshotter: Pick<Snapshotter, "layers">;
}

/** Layers with all that lie below them. */
export type Below = (chains: Iterable<string>) => ReadonlySet<ChainID>;

/** Finds the layers below others. */
export function layersBelow(snapshotter: Pick<Snapshotter, "layers">): Below {
  const layers = new Map<string, Layer>(snapshotter.layers().map((layer) => [layer.chainID, layer]));
  return (chains) => {
    const found = new Set<ChainID>();
    for (const chain of chains) {
      let next = layers.get(chain);
      for (; next !== undefined && !found.has(next.chainID); next = layers.get(next.parent ?? ""))
        found.add(next.chainID);
    }
    return found;
  };
}

/** The layers that images and containers have, with all below them: no record of a build keeps these. */
export function sharedLayers({ db, snapshotter }: Pick<CacheUsageDeps, "db" | "snapshotter">): ReadonlySet<string> {
  const rows = db.read((sql) =>
    sql.all<{ chain: string }>(
      "SELECT chain_id AS chain FROM image_layer UNION SELECT chain_id FROM container WHERE chain_id IS NOT NULL",
    ),
  );
  return layersBelow(snapshotter)(rows.map(({ chain }) => chain));
}

/** What builds left, what was used longest ago first. The directories of cache mounts are looked at where they were used since. */
export async function buildUsages(
  deps: CacheUsageDeps,
  shared: ReadonlySet<string> = sharedLayers(deps),
): Promise<readonly BuildUsage[]> {
  return [...recordUsages(deps, shared), ...(await mountUsages(deps))];
}

/** What builds keep: a record's layer, and the layers below it that nothing else keeps any more. Each layer is told once as the cache's own. */
function recordUsages({ db, snapshotter }: CacheUsageDeps, shared: ReadonlySet<string>): readonly BuildUsage[] {
  const layers = new Map<string, number>(snapshotter.layers().map(({ chainID, size }) => [chainID, size]));
  const below = layersBelow(snapshotter);
  const rows = db.read((sql) =>
    sql.all<{ key: string; chain: ChainID; created: string; used: string; detail: string }>(
      "SELECT key, chain_id AS chain, created, used, detail FROM build_record WHERE chain_id IS NOT NULL ORDER BY used, key",
    ),
  );
  const told = new Set(shared);
  const usageOf = (chainID: ChainID, rest: Omit<BuildUsage, "type" | "size" | "shared" | "chainID">): BuildUsage => {
    const isShared = told.has(chainID);
    told.add(chainID);
    return { ...rest, chainID, type: "regular", size: layers.get(chainID) ?? 0, shared: isShared };
  };
  const steps = rows.map(({ key, chain, created, used, detail }) => {
    const { name = "", uses } = JSON.parse(detail) as { readonly name?: string; readonly uses?: number };
    const counted = uses === undefined ? {} : { uses };
    return usageOf(chain, { id: key, description: name, created, used, isRecord: true, ...counted });
  });
  const bases = rows.flatMap(({ chain, created, used }) =>
    [...below([chain])]
      .filter((each) => !told.has(each))
      .map((each) => {
        const description = "layer of a base image";
        return usageOf(each, { id: hexOf(each), description, created, used, isRecord: false });
      }),
  );
  return [...bases, ...steps].toSorted((a, b) => (a.used < b.used ? -1 : a.used > b.used ? 1 : a.id < b.id ? -1 : 1));
}

/** Bytes of all cache mounts. */
export async function mountsSize(host: CacheUsageDeps["host"]): Promise<number> {
  return (await mountUsages({ host })).reduce((sum, { size }) => sum + size, 0);
}

async function mountUsages({ host }: Pick<CacheUsageDeps, "host">): Promise<readonly BuildUsage[]> {
  const parent = join(host.root, "build-cache");
  const usages: BuildUsage[] = [];
  for (const id of namesIn(parent)) {
    const path = join(parent, id);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory() !== true) continue;
    const size = await sizeOfMount(host, path);
    const used = (statSync(useLockPath(path), { throwIfNoEntry: false }) ?? stats).mtime.toISOString();
    const created = stats.birthtime.toISOString();
    usages.push({ id, type: "exec.cachemount", description: "", size, created, used, shared: false, isRecord: false });
  }
  return usages.toSorted((a, b) => (a.used < b.used ? -1 : 1));
}

/** Where the lock lies that every step holds while it has a cache mounted. It is changed when one of them begins. */
export function useLockPath(directory: string): string {
  return `${directory}.use`;
}

/** Bytes of a cache mount, which is looked through once after each use: a file beside it says what came out. */
async function sizeOfMount({ syscalls }: Pick<Host, "syscalls">, directory: string): Promise<number> {
  const lastUse = idleSince(syscalls, directory);
  if (lastUse === undefined) return await sizeOfDirectory(directory);
  const path = `${directory}.size`;
  const [use, known] = existsSync(path) ? readFileSync(path, "utf8").split(" ") : [];
  if (use === lastUse && known !== undefined) return Number(known);
  const size = await sizeOfDirectory(directory);
  try {
    writeFileSync(path, `${lastUse} ${size}`, { mode: 0o600 });
  } catch (error) {
    // It is looked through again the next time.
    if (codeOf(error) !== "ENOSPC") throw error;
  }
  return size;
}

/** When the last use of a cache mount began; undefined while it is used. */
function idleSince(syscalls: Host["syscalls"], directory: string): string | undefined {
  const path = useLockPath(directory);
  using taken = tryLock(syscalls, path, { create: false });
  if (taken === undefined) return undefined;
  return String(statSync(path, { bigint: true, throwIfNoEntry: false })?.mtimeNs);
}

/** Files between two turns of the event loop. */
const filesPerTurn = 1000;

/** Sum of the sizes of all that is no directory, each file once. */
export async function sizeOfDirectory(directory: string): Promise<number> {
  const counted = new Set<bigint>();
  let bytes = 0n;
  let files = 0;
  for (const { stats } of walk(bytesOf(directory))) {
    if (!stats.isDirectory() && !counted.has(stats.ino)) bytes += stats.size;
    counted.add(stats.ino);
    if (++files % filesPerTurn === 0) await turn();
  }
  return Number(bytes);
}
