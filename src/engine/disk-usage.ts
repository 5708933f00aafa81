import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { bytesOf } from "../archive/byte-string.ts";
import { walk } from "../archive/walk.ts";
import { codeOf } from "../base/errors.ts";
import type { Container } from "../container/container.ts";
import type { Containers } from "../container/containers.ts";
import type { ContainerDeps } from "../container/deps.ts";
import type { ImageSummary } from "../image/images.ts";
import { indexBlobs } from "../image/index-records.ts";
import { listPlatforms } from "../image/indexes.ts";
import type { Sql } from "../metadata/database.ts";
import { type ChainID, hexOf } from "../oci/digest.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import type { Volume } from "../volume/volumes.ts";

/** What takes space in a store. Sizes are bytes of files. */
export interface DiskUsage {
  /** All layers of images and containers, each once. */
  readonly layersSize: number;
  /** All blobs that are kept for images of several platforms, each once. */
  readonly blobsSize: number;
  readonly images: readonly ImageUsage[];
  readonly containers: readonly { readonly container: Container; readonly size: number }[];
  readonly volumes: readonly VolumeUsage[];
  readonly builds: readonly BuildUsage[];
}

/** An image, and what it shares. One that is a platform of an index, and has no name of its own, has the index's names. */
export interface ImageUsage {
  readonly image: ImageSummary;
  /** Bytes of its layers that other images have, too. */
  readonly shared: number;
  /** Bytes of the blobs that are kept for it as a platform of an index. */
  readonly blobs: number;
  /** How many containers were made from it. */
  readonly containers: number;
}

/** A volume, and who uses it. */
export interface VolumeUsage {
  readonly volume: Volume;
  readonly size: number;
  /** How many containers mount it. */
  readonly links: number;
}

/** What a build left. */
export interface BuildUsage {
  readonly id: string;
  /** `regular` is a step's layer, `exec.cachemount` the directory of a cache mount. */
  readonly type: "regular" | "exec.cachemount";
  readonly description: string;
  readonly size: number;
  /** RFC 3339. */
  readonly created: string;
  readonly used: string;
  /** How many builds had it; undefined where nobody counts. */
  readonly uses?: number;
  /** An image or a container has the same layer: removing the record frees nothing. */
  readonly shared: boolean;
}

/** Measure a store. The files of containers, volumes and cache mounts are looked at one by one. */
export async function diskUsage(deps: ContainerDeps, containers: Containers): Promise<DiskUsage> {
  const layers = new Map(deps.snapshotter.layers().map(({ chainID, size }) => [chainID as string, size]));
  const owned = deps.db.read((sql) =>
    sql.all<{ image: string; chain: string }>("SELECT image_id AS image, chain_id AS chain FROM image_layer"),
  );
  const list = await containers.list();
  const sized: { container: Container; size: number }[] = [];
  for (const container of list) sized.push({ container, size: (await containers.size(container.id)).rw });
  const below = belowOf(deps);
  // A container keeps the layers of an image that was removed by force.
  const chains = new Set([...owned.map(({ chain }) => chain), ...below(list.map(({ chainID }) => chainID ?? ""))]);
  return {
    layersSize: [...chains].reduce((sum, chain) => sum + (layers.get(chain) ?? 0), 0),
    blobsSize: sizeOfBlobs(deps.db.read(indexBlobs)),
    images: imageUsages(deps, { owned, layers, list }),
    containers: sized,
    volumes: await volumeUsages(deps, list),
    builds: [...buildUsages(deps, { layers, below, shared: chains }), ...(await cacheUsages(deps))],
  };
}

interface Counted {
  readonly owned: readonly { readonly image: string; readonly chain: string }[];
  readonly layers: ReadonlyMap<string, number>;
  readonly list: readonly Container[];
}

function imageUsages(deps: ContainerDeps, { owned, layers, list }: Counted): readonly ImageUsage[] {
  const owners = Map.groupBy(owned, ({ chain }) => chain);
  const chainsOf = Map.groupBy(owned, ({ image }) => image);
  const images = listPlatforms(deps);
  const kept = deps.db.read(blobsByImage);
  const parents = new Set(images.map(({ parent }) => parent));
  return images
    .filter(({ id, references }) => references.length > 0 || !parents.has(id))
    .map((image) => ({
      image,
      blobs: sizeOfBlobs(kept.get(image.id) ?? []),
      shared: (chainsOf.get(image.id) ?? []).reduce(
        (sum, { chain }) => sum + ((owners.get(chain)?.length ?? 0) > 1 ? (layers.get(chain) ?? 0) : 0),
        0,
      ),
      containers: list.filter(({ imageID }) => imageID === image.id).length,
    }));
}

function blobsByImage(sql: Sql): ReadonlyMap<string, readonly SizedBlob[]> {
  const rows = sql.all<SizedBlob & { readonly image: string }>(
    `SELECT DISTINCT entry.image_id AS image, kept.digest, kept.size FROM image_index_blob AS kept
     JOIN image_index_entry AS entry ON entry.index_digest = kept.index_digest AND entry.digest = kept.entry_digest
     WHERE entry.image_id IS NOT NULL`,
  );
  return Map.groupBy(rows, ({ image }) => image);
}

interface SizedBlob {
  readonly digest: string;
  readonly size: number;
}

/** Each blob counts once. */
function sizeOfBlobs(blobs: readonly SizedBlob[]): number {
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

async function volumeUsages({ volumes }: ContainerDeps, list: readonly Container[]): Promise<readonly VolumeUsage[]> {
  const usages: VolumeUsage[] = [];
  for (const volume of volumes.list()) {
    const links = list.filter(({ config }) => config.mounts.some(({ name }) => name === volume.name)).length;
    usages.push({ volume, size: await sizeOf(volume.mountpoint), links });
  }
  return usages;
}

/** Layers with all that lie below them. */
type Below = (chains: Iterable<string>) => ReadonlySet<ChainID>;

function belowOf({ snapshotter }: ContainerDeps): Below {
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

interface BuiltLayers {
  /** Sizes by chain. */
  readonly layers: ReadonlyMap<string, number>;
  readonly below: Below;
  /** Layers that something else has as well. */
  readonly shared: ReadonlySet<string>;
}

/** What builds keep: a record's layer, and the layers below it that nothing else keeps any more. Each layer is told once as the cache's own. */
function buildUsages({ db }: ContainerDeps, { layers, below, shared }: BuiltLayers): readonly BuildUsage[] {
  const rows = db.read((sql) =>
    sql.all<{ key: string; chain: string; created: string; used: string; detail: string }>(
      "SELECT key, chain_id AS chain, created, used, detail FROM build_record WHERE chain_id IS NOT NULL ORDER BY used, key",
    ),
  );
  const told = new Set(shared);
  const usageOf = (
    chain: string,
    rest: Pick<BuildUsage, "id" | "description" | "created" | "used" | "uses">,
  ): BuildUsage => {
    const isShared = told.has(chain);
    told.add(chain);
    return { ...rest, type: "regular", size: layers.get(chain) ?? 0, shared: isShared };
  };
  const steps = rows.map(({ key, chain, created, used, detail }) => {
    const { name = "", uses } = JSON.parse(detail) as { readonly name?: string; readonly uses?: number };
    return usageOf(chain, { id: key, description: name, created, used, ...(uses === undefined ? {} : { uses }) });
  });
  const bases = rows.flatMap(({ chain, created, used }) =>
    [...below([chain])]
      .filter((each) => !told.has(each))
      .map((each) => usageOf(each, { id: hexOf(each), description: "layer of a base image", created, used })),
  );
  return [...bases, ...steps].toSorted((a, b) => (a.used < b.used ? -1 : a.used > b.used ? 1 : a.id < b.id ? -1 : 1));
}

async function cacheUsages({ host }: ContainerDeps): Promise<readonly BuildUsage[]> {
  const parent = join(host.root, "build-cache");
  const usages: BuildUsage[] = [];
  for (const id of namesIn(parent)) {
    const stats = lstatSync(join(parent, id), { throwIfNoEntry: false });
    if (stats?.isDirectory() !== true) continue;
    const [created, used] = [stats.birthtime, stats.mtime].map((time) => time.toISOString());
    const size = await sizeOf(join(parent, id));
    usages.push({
      id,
      type: "exec.cachemount",
      description: "",
      size,
      created: created ?? "",
      used: used ?? "",
      shared: false,
    });
  }
  return usages;
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** Files between two turns of the event loop. */
const filesPerTurn = 1000;

/** Sum of the sizes of all that is no directory, each file once. */
async function sizeOf(directory: string): Promise<number> {
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
