import { limits } from "../base/limits.ts";
import type { BlobReader } from "../image/download.ts";
import { type ChainID, childChain, type DiffID, isDigest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { CacheConfig, CachedMount, CacheRecord } from "./config.ts";
import type { StepKey } from "./step-key.ts";
import { openStepMatcher } from "./step-matcher.ts";

/** The annotation of a compressed layer that says what its archive is. @see containerd pkg/labels */
export const diffIDAnnotation = "containerd.io/uncompressed";

/** The annotation of a layer that says when it was made. @see BuildKit cache/remotecache/v1/types/doc.go */
export const createdAnnotation = "buildkit/createdat";

/** A layer as it travels. */
export interface TravellingLayer {
  readonly blob: Descriptor & { readonly mediaType: string };
  readonly diffID: DiffID;
}

/** What a cache has for a key. */
export interface ImportedRecord {
  readonly key: string;
  readonly chainID: ChainID;
  /** RFC 3339. */
  readonly created: string;
  readonly name: string;
  /** The bottom one first; undefined where only the chain's name travelled: it is good for keys, and for nothing else. */
  readonly layers: (() => readonly TravellingLayer[]) | undefined;
}

/** A cache that was read. */
export interface ImportedCache {
  /** Where it is, for people. */
  readonly name: string;
  readonly records: ReadonlyMap<string, ImportedRecord>;
  /** All by what they made, where its layers travelled. */
  readonly chains: ReadonlyMap<ChainID, ImportedRecord>;
  /** Every layer of it, by its archive. */
  readonly layers: ReadonlyMap<DiffID, TravellingLayer>;
  readonly mounts: readonly CachedMount[];
  /** Undefined where everything is in the store. */
  readonly reader: BlobReader | undefined;
  /** What BuildKit left of a step: a result each, undefined for one whose layers didn't travel. Nothing, where berth wrote the cache. */
  readonly findStep: (step: StepKey) => Promise<readonly (ImportedRecord | undefined)[]>;
}

/** What a cache's config is read with. */
export interface CacheContent {
  readonly name: string;
  readonly config: CacheConfig;
  /** The layer behind a blob's digest; undefined where it isn't known. */
  readonly layerOf: (index: number) => TravellingLayer | undefined;
  readonly reader: BlobReader | undefined;
}

/** Look through the records of a cache. Those that BuildKit wrote have no keys of berth's: they are found as steps. */
export function importedCache({ name, config, layerOf, reader }: CacheContent): ImportedCache {
  const chains = new ChainsOf(config, layerOf);
  const found = config.records.map((record) => recordIn(record, chains));
  const records = new Map<string, ImportedRecord>();
  for (const [index, record] of found.entries()) {
    if (record === undefined || config.records[index]?.berth === undefined) continue;
    const known = records.get(record.key);
    if (known?.layers === undefined) records.set(record.key, record);
  }
  // What berth wrote has all steps by names that say more.
  const matcher = records.size > 0 ? undefined : openStepMatcher(config.records);
  const layers = config.layers.flatMap((_, index) => layerOf(index) ?? []);
  return {
    name,
    records,
    chains: new Map(found.flatMap((record) => (record?.layers === undefined ? [] : [[record.chainID, record]]))),
    layers: new Map(layers.map((layer) => [layer.diffID, layer])),
    mounts: config.berth?.mounts ?? [],
    reader,
    findStep: async (step) => [...((await matcher?.match(step)) ?? [])].map((index) => found[index]),
  };
}

function recordIn(
  { digest, layers = [], chains: lists = [], berth }: CacheRecord,
  chains: ChainsOf,
): ImportedRecord | undefined {
  if (!isDigest(digest)) return undefined;
  const results = [
    ...layers.map(({ layer, createdAt }) => ({ found: chains.upTo(layer), createdAt })),
    ...lists.map((list) => ({ found: chains.of(list.layers), createdAt: list.createdAt })),
  ];
  const name = berth?.name ?? "";
  for (const { found, createdAt } of results) {
    const created = berth?.created ?? createdAt;
    if (found === undefined || created === undefined) continue;
    return { key: digest, chainID: found.chainID, created, name, layers: found.layers };
  }
  if (berth === undefined) return undefined;
  return { key: digest, chainID: berth.chain, created: berth.created, name, layers: undefined };
}

interface Chain {
  readonly chainID: ChainID;
  readonly layers: () => readonly TravellingLayer[];
}

/** The stacks of layers that a config names, each looked at once. */
class ChainsOf {
  readonly #config: CacheConfig;
  readonly #layerOf: CacheContent["layerOf"];
  readonly #known: Map<number, { readonly chainID: ChainID; readonly depth: number } | undefined> = new Map();

  constructor(config: CacheConfig, layerOf: CacheContent["layerOf"]) {
    this.#config = config;
    this.#layerOf = layerOf;
  }

  /** A layer with all below it; undefined where one isn't known, or they are more than a file system has. */
  upTo(index: number): Chain | undefined {
    const path: number[] = [];
    for (let next = index; next !== -1 && !this.#known.has(next); next = this.#config.layers[next]?.parent ?? -1)
      path.push(next);
    for (const each of path.reverse()) this.#known.set(each, this.#above(each));
    const found = this.#known.get(index);
    return found && { chainID: found.chainID, layers: () => this.#stack(index) };
  }

  of(indexes: readonly number[]): Chain | undefined {
    if (indexes.length === 0 || indexes.length > limits.layers) return undefined;
    const layers = indexes.flatMap((index) => this.#layerOf(index) ?? []);
    if (layers.length !== indexes.length) return undefined;
    let chainID: ChainID | undefined;
    for (const { diffID } of layers) chainID = childChain(chainID, diffID);
    return chainID === undefined ? undefined : { chainID, layers: () => layers };
  }

  #above(index: number): { readonly chainID: ChainID; readonly depth: number } | undefined {
    const parent = this.#config.layers[index]?.parent ?? -1;
    const below = parent === -1 ? undefined : this.#known.get(parent);
    const own = this.#layerOf(index);
    if (own === undefined || (parent !== -1 && below === undefined)) return undefined;
    const depth = (below?.depth ?? 0) + 1;
    return depth > limits.layers ? undefined : { chainID: childChain(below?.chainID, own.diffID), depth };
  }

  #stack(index: number): readonly TravellingLayer[] {
    const layers: TravellingLayer[] = [];
    for (let next = index; next !== -1; next = this.#config.layers[next]?.parent ?? -1) {
      const layer = this.#layerOf(next);
      if (layer !== undefined) layers.push(layer);
    }
    return layers.reverse();
  }
}
