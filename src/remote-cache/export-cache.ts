import { BerthError } from "../base/errors.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { sideBySide } from "../base/side-by-side.ts";
import { packedAnew } from "../copy/convert.ts";
import type { BlobReader } from "../image/download.ts";
import { layerBlob } from "../image/layer-blob.ts";
import { layerTypes } from "../image/oci-manifest.ts";
import { checkedBytes } from "../oci/checked-bytes.ts";
import { type ChainID, chainIDs, type DiffID } from "../oci/digest.ts";
import { layerCompression } from "../oci/image-index.ts";
import type { UploadBody } from "../registry/repository.ts";
import type { ShippedBlob } from "../registry/shipment.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import type { CacheConfig, CachedMount, CacheLayer } from "./config.ts";
import type { RemoteCacheDeps } from "./deps.ts";
import { type ExportedRecord, writtenRecords } from "./exported-records.ts";
import type { ImportedCache, ImportedRecord, TravellingLayer } from "./imported-cache.ts";
import { type MountToExport, passMount, sendMount, wrongBlob } from "./mounts.ts";
import { openTarget } from "./open-target.ts";
import type { CacheExport } from "./options.ts";
import type { StepRecord } from "./step-records.ts";
import type { CacheTarget, FinishedLayer } from "./target.ts";

/** What a build has for a cache. */
export interface CacheToExport {
  readonly records: readonly ExportedRecord[];
  /** The same by the names that BuildKit has for it. */
  readonly steps: readonly StepRecord[];
  /** The image's file systems, the topmost of each platform: with `mode=min` their layers alone travel. */
  readonly outputs: readonly ChainID[];
  /** Caches that the build read: what they have needn't be here to be exported. */
  readonly imports: readonly ImportedCache[];
  /** Cache mounts of the build's steps. */
  readonly mounts: readonly MountToExport[];
}

/**
 * Write a cache: the layers that aren't where it goes, then what leads to them. Records whose layers don't travel do so with the
 * name of what they made, so that steps that read nothing of it are found.
 *
 * @returns false, where there is no layer to export: nothing is written then
 * @throws {BerthError} as `Repository.upload` and `Repository.putManifest`; failed-precondition, for a directory of something else
 */
export async function exportCache(
  deps: RemoteCacheDeps,
  { cache, to }: { readonly cache: CacheToExport; readonly to: CacheExport },
  operation: Operation,
): Promise<boolean> {
  const stacks = stacksOf(deps, cache, to);
  const layers = [...new Map([...stacks.values()].flat().map((layer) => [layer.diffID, layer])).values()];
  if (layers.length === 0) return false;
  await using target = await openTarget(deps, to, operation);
  const sent = new Map<DiffID, FinishedLayer>();
  await sideBySide(
    layers,
    { most: target.most, ...(operation.signal && { signal: operation.signal }) },
    async (layer, signal) => {
      const travelling = await sendLayer({ deps, target, to }, layer, { ...operation, signal });
      sent.set(layer.diffID, {
        ...travelling,
        ...(layer.createdAt === undefined ? {} : { createdAt: layer.createdAt }),
      });
    },
  );
  const mounts = to.mounts ? await sendMounts(deps, { cache, target }, operation) : [];
  const { config, layers: finished } = written(cache, stacks, sent);
  await target.publish(
    {
      config: mounts.length === 0 ? config : { ...config, berth: { mounts } },
      layers: finished,
      mounts: mounts.map(({ blob: digest, mediaType, size }) => ({ mediaType, digest, size })),
    },
    operation,
  );
  return true;
}

/** What is here of the cache mounts, and else what an imported cache has of them. */
async function sendMounts(
  deps: RemoteCacheDeps,
  { cache, target }: { readonly cache: CacheToExport; readonly target: CacheTarget },
  operation: Operation,
): Promise<readonly CachedMount[]> {
  const sent: CachedMount[] = [];
  for (const mount of cache.mounts) {
    const { name, directory } = mount;
    if (directory !== undefined) {
      sent.push(await sendMount(deps, { mount, directory, target }, operation));
      continue;
    }
    for (const from of cache.imports) {
      const known = from.mounts.find((each) => each.name === name);
      if (known === undefined) continue;
      sent.push(await passMount({ mount: known, cache: from, target }, operation));
      break;
    }
  }
  return sent;
}

/** A layer that is to travel: from here, or from the cache that has it. */
interface LayerToSend {
  readonly diffID: DiffID;
  readonly createdAt?: string;
  readonly here: Layer | undefined;
  readonly there: { readonly layer: TravellingLayer; readonly cache: ImportedCache } | undefined;
}

/** The layers of each file system that is exported, the bottom one first. */
function stacksOf(
  deps: RemoteCacheDeps,
  { records, outputs, imports }: CacheToExport,
  { mode }: CacheExport,
): ReadonlyMap<ChainID, readonly LayerToSend[]> {
  const stackOf = stackFinder(deps, imports);
  const created = new Map(records.map((record) => [record.chainID, record.created]));
  const inOutputs = new Set(outputs.flatMap((chain) => stackOf(chain)?.map(({ chainID }) => chainID) ?? []));
  const stacks = new Map<ChainID, readonly LayerToSend[]>();
  for (const { chainID } of records) {
    if (stacks.has(chainID) || (mode === "min" && !inOutputs.has(chainID))) continue;
    const stack = stackOf(chainID);
    if (stack === undefined) continue;
    stacks.set(
      chainID,
      stack.map(({ chainID: own, ...layer }) => {
        const createdAt = created.get(own);
        return createdAt === undefined ? layer : { ...layer, createdAt };
      }),
    );
  }
  return stacks;
}

type Found = LayerToSend & { readonly chainID: ChainID };

/** Finds the layers of a file system: in the store, or else in a cache that was read. */
function stackFinder(
  { snapshotter }: RemoteCacheDeps,
  imports: readonly ImportedCache[],
): (chainID: ChainID) => readonly Found[] | undefined {
  const readable = imports.filter(({ reader }) => reader !== undefined);
  const thereOf = (diffID: DiffID): LayerToSend["there"] => {
    for (const cache of readable) {
      const layer = cache.layers.get(diffID);
      if (layer !== undefined) return { layer, cache };
    }
    return undefined;
  };
  return (chainID) => {
    const found: Found[] = [];
    let next: ChainID | undefined = chainID;
    for (; next !== undefined; ) {
      const layer: Layer | undefined = snapshotter.find(next);
      if (layer === undefined) break;
      found.push({ chainID: next, diffID: layer.diffID, here: layer, there: thereOf(layer.diffID) });
      next = layer.parent;
    }
    if (next === undefined) return found.reverse();
    return importedStack(chainID, readable.find(({ chains }) => chains.has(chainID))?.chains.get(chainID), thereOf);
  };
}

function importedStack(
  top: ChainID,
  record: ImportedRecord | undefined,
  thereOf: (diffID: DiffID) => LayerToSend["there"],
): readonly Found[] | undefined {
  const layers = record?.layers?.();
  const chains = chainIDs(layers?.map(({ diffID }) => diffID) ?? []);
  const stack = layers?.map(({ diffID }, place) => {
    return { chainID: chains[place] ?? top, diffID, here: undefined, there: thereOf(diffID) };
  });
  return stack?.every(({ there }) => there !== undefined) === true ? stack : undefined;
}

/** Where a layer is sent, and in which form. */
interface Sending {
  readonly deps: RemoteCacheDeps;
  readonly target: CacheTarget;
  readonly to: CacheExport;
}

/** Have a layer be where the cache goes. What an imported cache has in the same place isn't compressed to find that out. */
async function sendLayer(sending: Sending, layer: LayerToSend, operation: Operation): Promise<TravellingLayer> {
  const { target, to } = sending;
  const { here, there, diffID } = layer;
  const fits = there !== undefined && (!to.force || layerCompression(there.layer.blob.mediaType) === to.compression);
  if (fits && (await target.hasBlob(there.layer.blob.digest, operation))) return there.layer;
  if (here !== undefined) return await sendOwn(sending, here, operation);
  if (there?.cache.reader === undefined) throw new BerthError("not-found", `layer ${diffID} is nowhere`);
  const { reader } = there.cache;
  return await (fits
    ? passLayer(target, { reader, layer: there.layer }, operation)
    : passAnew(sending, { reader, layer: there.layer }, operation));
}

/** Send a layer of the store. */
async function sendOwn({ deps, target, to }: Sending, layer: Layer, operation: Operation): Promise<TravellingLayer> {
  const { blob, packed } = await layerBlob(deps, layer, to);
  await upload(target, blob, operation);
  const { mediaType, digest, size } = packed();
  return { blob: { mediaType, digest, size }, diffID: layer.diffID };
}

interface Passing {
  readonly reader: BlobReader;
  readonly layer: TravellingLayer;
}

/** Send a layer of an imported cache as it is. */
async function passLayer(
  target: CacheTarget,
  { reader, layer }: Passing,
  operation: Operation,
): Promise<TravellingLayer> {
  const { digest, size } = layer.blob;
  const body = (): UploadBody => ({
    bytes: checkedBytes(reader.blob(layer.blob, operation), digest, wrongBlob),
    digest: () => digest,
  });
  await target.upload({ digest, size, body }, operation);
  return layer;
}

/** The same in another compression. */
async function passAnew(
  { target, to }: Sending,
  { reader, layer }: Passing,
  operation: Operation,
): Promise<TravellingLayer> {
  const { compression, level } = to;
  const { blob, diffID } = layer;
  const mediaType = layerTypes[compression];
  const digest = compression === "none" ? diffID : undefined;
  const anew = packedAnew(reader, blob, {
    ...{ compression, mediaType, digest },
    ...(level === undefined ? {} : { level }),
  });
  await upload(target, anew.blob, operation);
  return { blob: { ...(await anew.now(operation)), mediaType }, diffID };
}

async function upload(target: CacheTarget, { digest, size, body }: ShippedBlob, { signal }: Operation): Promise<void> {
  await target.upload(
    {
      ...(digest && { digest }),
      ...(size !== undefined && { size }),
      body: () => body(stoppedBy(signal)),
    },
    stoppedBy(signal),
  );
}

/** Write down records and layers: each layer once on each other one. */
function written(
  { records, steps }: Pick<CacheToExport, "records" | "steps">,
  stacks: ReadonlyMap<ChainID, readonly LayerToSend[]>,
  sent: ReadonlyMap<DiffID, FinishedLayer>,
): { readonly config: CacheConfig; readonly layers: readonly FinishedLayer[] } {
  const layers: CacheLayer[] = [];
  const indexes = new Map<string, number>();
  const finished = new Map<string, FinishedLayer>();
  const indexOf = (stack: readonly LayerToSend[]): number => {
    let parent = -1;
    for (const { diffID } of stack) {
      const layer = sent.get(diffID);
      if (layer === undefined) throw new Error(`layer ${diffID} wasn't sent`);
      const { digest } = layer.blob;
      finished.set(digest, layer);
      const name = `${parent} ${digest}`;
      const known = indexes.get(name);
      if (known === undefined) layers.push({ blob: digest, parent });
      parent = known ?? layers.length - 1;
      indexes.set(name, parent);
    }
    return parent;
  };
  const config = writtenRecords({ records, steps }, (chainID) => {
    const stack = stacks.get(chainID);
    return stack && indexOf(stack);
  });
  return { config: { layers, records: config }, layers: [...finished.values()] };
}
