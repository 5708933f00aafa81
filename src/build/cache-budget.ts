import { statfsSync } from "node:fs";
import type { ChainID } from "../oci/digest.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import type { BuildUsage } from "./cache-usage.ts";

/** How much space the build cache may take, bytes. @see BuildKit docs/reference/buildkitd.toml, gcpolicy */
export interface Space {
  /** The most that it may take. */
  readonly maxUsed?: number;
  /** What it may always take. */
  readonly reserved?: number;
  /** What is to be free on the disk. */
  readonly minFree?: number;
}

/** Bytes of a file system. */
export interface Disk {
  readonly size: number;
  readonly free: number;
}

/** What the disk of a directory has. */
export function freeSpace(directory: string): Disk {
  const { bsize, blocks, bavail } = statfsSync(directory);
  return { size: bsize * blocks, free: bsize * bavail };
}

/** Bytes that a cache of some size is to keep, as BuildKit reckons: 0 where nothing is said. */
export function bytesKept(size: number, { maxUsed = 0, reserved = 0, minFree = 0 }: Space, { free }: Disk): number {
  if (maxUsed === 0 && reserved === 0 && minFree === 0) return 0;
  const missing = minFree - free;
  const left = missing > 0 ? Math.min(maxUsed === 0 ? size : maxUsed, size - missing) : maxUsed;
  return Math.max(left, reserved);
}

/** What a cache has. */
export interface CacheParts {
  /** What was used longest ago first. */
  readonly usages: readonly BuildUsage[];
  readonly layers: readonly Layer[];
}

/** What may go of a cache, and how many bytes have to. */
export interface Doom {
  readonly fits: (usage: BuildUsage) => boolean;
  readonly excess: number;
}

/**
 * Choose what goes: what was used longest ago first, of equally old ones what depends on others first, until enough is free. A layer
 * is free when no record has it, nor another layer that lies on it.
 */
export function chooseDoomed({ usages, layers }: CacheParts, { fits, excess }: Doom): readonly BuildUsage[] {
  const owners = new Owners(usages, layers);
  const candidates = usages
    .filter((usage) => (usage.isRecord || usage.type === "exec.cachemount") && fits(usage))
    .toSorted((a, b) => (a.used < b.used ? -1 : a.used > b.used ? 1 : owners.depth(b) - owners.depth(a)));
  const doomed: BuildUsage[] = [];
  let freed = 0;
  for (const usage of candidates) {
    if (freed >= excess) break;
    doomed.push(usage);
    freed += usage.chainID === undefined ? usage.size : owners.remove(usage.chainID);
  }
  return doomed;
}

/** Who needs each layer. */
class Owners {
  readonly #layers: ReadonlyMap<ChainID, Layer>;
  readonly #counts: Map<ChainID, number> = new Map();
  readonly #depths: Map<ChainID, number> = new Map();
  /** Layers that the cache alone has. */
  readonly #own: Set<ChainID>;

  constructor(usages: readonly BuildUsage[], layers: readonly Layer[]) {
    this.#layers = new Map(layers.map((layer) => [layer.chainID, layer]));
    this.#own = new Set(usages.flatMap(({ chainID, shared }) => (shared || chainID === undefined ? [] : [chainID])));
    for (const { parent } of layers) if (parent !== undefined) this.#add(parent);
    for (const { chainID, isRecord } of usages) if (isRecord && chainID !== undefined) this.#add(chainID);
  }

  /** Take a record of a layer away. @returns bytes that are free then */
  remove(chainID: ChainID): number {
    let freed = 0;
    for (let next: ChainID | undefined = chainID; next !== undefined; ) {
      const count = (this.#counts.get(next) ?? 1) - 1;
      this.#counts.set(next, count);
      const layer = this.#layers.get(next);
      if (count > 0 || !this.#own.has(next) || layer === undefined) break;
      freed += layer.size;
      next = layer.parent;
    }
    return freed;
  }

  depth({ chainID }: BuildUsage): number {
    let depth = 0;
    for (let next = chainID; next !== undefined; next = this.#layers.get(next)?.parent) {
      const known = this.#depths.get(next);
      if (known !== undefined) {
        depth += known;
        break;
      }
      depth++;
    }
    if (chainID !== undefined) this.#depths.set(chainID, depth);
    return depth;
  }

  #add(chainID: ChainID): void {
    this.#counts.set(chainID, (this.#counts.get(chainID) ?? 0) + 1);
  }
}
