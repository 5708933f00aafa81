import { join } from "node:path";
import { bytesOf, textOf } from "../archive/byte-string.ts";
import { walk } from "../archive/walk.ts";
import type { Operation } from "../base/operation.ts";
import { keptRows } from "../build/kept-steps.ts";
import type { ContainerDeps } from "../container/deps.ts";
import { cachedBlobs } from "../image/cache-records.ts";
import { indexBlobs } from "../image/index-records.ts";
import { manifestBlobs } from "../image/manifest-records.ts";
import { ballastName } from "../metadata/ballast.ts";
import type { Sql } from "../metadata/database.ts";

/** What owns a file below the root. */
export type OwnerKind =
  | "image"
  | "layer"
  | "container"
  | "volume"
  | "build cache"
  | "failed step"
  | "registry cache"
  | "download"
  | "temporary"
  | "lease"
  | "database"
  | "ballast"
  | "nobody";

/** What one owner has. */
export interface OwnerUsage {
  readonly kind: OwnerKind;
  /** The image's ID or its index's digest, the layer's chain, the container's ID, the volume's name, the failed step's ID; empty where there is one owner alone. */
  readonly owner: string;
  /** Bytes of its files, as `du --apparent-size` counts them: hard links once, directories themselves left out. */
  readonly bytes: number;
  readonly files: number;
}

/** Account for every file below the root, by its owner. The sum is what `du -s --apparent-size` says, less the directories' own blocks. */
export function storeOwners(
  { host, db }: Pick<ContainerDeps, "host" | "db">,
  { signal }: Operation = {},
): readonly OwnerUsage[] {
  const owners = db.read(readOwners);
  const rows = new Map<string, OwnerUsage>();
  const counted = new Set<bigint>();
  for (const { name, stats } of walk(bytesOf(host.root))) {
    if (stats.isDirectory() || counted.has(stats.ino)) continue;
    signal?.throwIfAborted();
    if (stats.nlink > 1n) counted.add(stats.ino);
    const [kind, owner] = ownerOf(owners, textOf(name));
    const key = join(kind, owner);
    const { bytes, files } = rows.get(key) ?? { bytes: 0, files: 0 };
    rows.set(key, { kind, owner, bytes: bytes + Number(stats.size), files: files + 1 });
  }
  return [...rows.values()].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
}

const order: readonly OwnerKind[] = [
  ...([
    "image",
    "layer",
    "container",
    "volume",
    "build cache",
    "failed step",
    "registry cache",
    "download",
    "temporary",
    "lease",
    "database",
    "ballast",
    "nobody",
  ] as const),
];

interface Owners {
  /** By the blob that they have: images their config and what is kept for their manifests, indexes what is kept for them. */
  readonly blobs: ReadonlyMap<string, string>;
  /** Blobs that passed through the cache. */
  readonly cached: ReadonlySet<string>;
  /** Chains by the layer's number. */
  readonly layers: ReadonlyMap<string, string>;
  readonly containers: ReadonlySet<string>;
  readonly volumes: ReadonlySet<string>;
  /** Kept steps by the keys of their snapshots. */
  readonly keptSteps: ReadonlyMap<string, string>;
}

function readOwners(sql: Sql): Owners {
  const ids = (query: string): ReadonlySet<string> => new Set(sql.all<{ id: string }>(query).map(({ id }) => id));
  const layers = sql.all<{ id: number; chain_id: string }>("SELECT id, chain_id FROM layer");
  return {
    blobs: new Map([
      ...manifestBlobs(sql).map(({ digest, imageID }) => [digest, imageID] as const),
      ...indexBlobs(sql).map(({ digest, index }) => [digest, index] as const),
      ...[...ids("SELECT id FROM image")].map((id) => [id, id] as const),
    ]),
    cached: new Set(cachedBlobs(sql).map(({ digest }) => digest)),
    layers: new Map(layers.map(({ id, chain_id: chain }) => [String(id), chain])),
    containers: ids("SELECT id FROM container"),
    volumes: ids("SELECT name AS id FROM volume"),
    keptSteps: new Map(
      keptRows(sql).flatMap(({ id, files, mounts }) => [files, mounts ?? []].flat().map((key) => [key, id] as const)),
    ),
  };
}

function ownerOf(owners: Owners, path: string): readonly [OwnerKind, string] {
  const [place = "", name = "", third = ""] = path.split("/");
  switch (place) {
    case "blobs": {
      const digest = `${name}:${third}`;
      const image = owners.blobs.get(digest);
      if (image !== undefined) return ["image", image];
      return [owners.cached.has(digest) ? "registry cache" : "temporary", ""];
    }
    case "layers": {
      const chain = owners.layers.get(name.split(".")[0] ?? "");
      return chain === undefined ? ["temporary", ""] : ["layer", chain];
    }
    case "active":
    case "containers":
      return ownerOfSnapshot(owners, name);
    case "volumes":
      return owners.volumes.has(name) ? ["volume", name] : ["temporary", ""];
    case "build-cache":
      return ["build cache", ""];
    case "downloads":
      return ["download", ""];
    case "tmp":
      return ["temporary", ""];
    case "leases":
      return ["lease", ""];
    case ballastName:
      return ["ballast", ""];
    default:
      return place.startsWith("metadata.db") ? ["database", ""] : ["nobody", path];
  }
}

function ownerOfSnapshot({ containers, keptSteps }: Owners, name: string): readonly [OwnerKind, string] {
  const step = keptSteps.get(name);
  if (step !== undefined) return ["failed step", step];
  return containers.has(name) ? ["container", name] : ["temporary", ""];
}
