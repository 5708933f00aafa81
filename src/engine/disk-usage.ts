import { existsSync } from "node:fs";
import { type BuildUsage, buildUsages, layersBelow, sizeOfDirectory } from "../build/cache-usage.ts";
import { keptSteps } from "../build/kept-steps.ts";
import { keptPaths } from "../build/prune-kept.ts";
import type { Container } from "../container/container.ts";
import type { Containers } from "../container/containers.ts";
import type { ContainerDeps } from "../container/deps.ts";
import { sizeOfBlobs, sizeOfKept } from "../image/collect-blobs.ts";
import type { ImageSummary } from "../image/images.ts";
import { listPlatforms } from "../image/indexes.ts";
import { sizeOfDownloads } from "../image/prune-downloads.ts";
import type { Sql } from "../metadata/database.ts";
import type { Volume } from "../volume/volumes.ts";

/** What takes space in a store. Sizes are bytes of files. */
export interface DiskUsage {
  /** All layers of images and containers, each once. */
  readonly layersSize: number;
  /** All blobs that are kept for images as they came, each once. */
  readonly blobsSize: number;
  /** What pulls that ended early have downloaded. */
  readonly downloadsSize: number;
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
  /** Bytes of the blobs that are kept for it as it came. */
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

/** Measure a store. The files of containers, volumes and cache mounts are looked at one by one. */
export async function diskUsage(deps: ContainerDeps, containers: Containers): Promise<DiskUsage> {
  const layers = new Map(deps.snapshotter.layers().map(({ chainID, size }) => [chainID as string, size]));
  const owned = deps.db.read((sql) =>
    sql.all<{ image: string; chain: string }>("SELECT image_id AS image, chain_id AS chain FROM image_layer"),
  );
  const list = await containers.list();
  const sized: { container: Container; size: number }[] = [];
  for (const container of list) sized.push({ container, size: (await containers.size(container.id)).rw });
  const below = layersBelow(deps.snapshotter);
  // A container keeps the layers of an image that was removed by force.
  const chains = new Set([...owned.map(({ chain }) => chain), ...below(list.map(({ chainID }) => chainID ?? ""))]);
  return {
    layersSize: [...chains].reduce((sum, chain) => sum + (layers.get(chain) ?? 0), 0),
    blobsSize: deps.db.read(sizeOfKept),
    downloadsSize: sizeOfDownloads(deps),
    images: imageUsages(deps, { owned, layers, list }),
    containers: sized,
    volumes: await volumeUsages(deps, list),
    builds: [...(await buildUsages(deps, chains)), ...(await keptUsages(deps))],
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
     WHERE entry.image_id IS NOT NULL
     UNION SELECT image_id AS image, kept.digest, kept.size FROM image_manifest_blob AS kept
     JOIN image_manifest AS manifest ON manifest.digest = manifest_digest`,
  );
  return Map.groupBy(rows, ({ image }) => image);
}

interface SizedBlob {
  readonly digest: string;
  readonly size: number;
}

async function volumeUsages({ volumes }: ContainerDeps, list: readonly Container[]): Promise<readonly VolumeUsage[]> {
  const usages: VolumeUsage[] = [];
  for (const volume of volumes.list()) {
    const links = list.filter(({ config }) => config.mounts.some(({ name }) => name === volume.name)).length;
    usages.push({ volume, size: await sizeOfDirectory(volume.mountpoint), links });
  }
  return usages;
}

async function keptUsages({ db, host }: ContainerDeps): Promise<readonly BuildUsage[]> {
  const usages: BuildUsage[] = [];
  for (const step of keptSteps(db)) {
    let size = 0;
    for (const path of keptPaths(host, step)) size += existsSync(path) ? await sizeOfDirectory(path) : 0;
    const { id, name: description, created } = step;
    const rest = { created, used: created, shared: false, isRecord: false };
    usages.push({ id, type: "exec.failed", description, size, ...rest });
  }
  return usages;
}
