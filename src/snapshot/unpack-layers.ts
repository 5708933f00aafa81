import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Operation } from "../base/operation.ts";
import type { Host } from "../host/host.ts";
import { type ChainID, childChain } from "../oci/digest.ts";
import { settleImplied } from "./implied.ts";
import type { LayerRecord } from "./layer-records.ts";
import type { LayerStore } from "./layer-store.ts";
import { type LayerArchive, LowerLayersNeeded, type UnpackedLayer, unpackLayer } from "./unpack-layer.ts";
import { type ApartPlaces, type Unpacker, UnpackThread } from "./unpack-thread.ts";

/** What layers are unpacked with. This file and what it imports is loaded when some are. */
export interface UnpackDeps {
  readonly host: Host;
  readonly store: LayerStore;
  /** Make an active snapshot, gone when it is disposed. @returns its directory, absolute */
  readonly prepare: (parent: ChainID | undefined) => Promise<Workplace>;
}

/** An active snapshot in which a layer is unpacked. */
export interface Workplace extends AsyncDisposable {
  /** Absolute; it has `upper` in it. */
  readonly directory: string;
}

/** A layer's archive and its place among the layers. */
interface Step {
  readonly archive: LayerArchive;
  readonly parent: ChainID | undefined;
  readonly chainID: ChainID;
}

/** Most threads. */
const mostThreads = 4;

/** Bytes of compressed archives beside the largest from which on threads are worth their start, at which their code is slow. */
const worthwhile = 4 << 20;

/** How many plain bytes take as long as one that is compressed. */
const plainBytes = 4;

/** Bytes of a layer from which on a thread that brings the archives in has it unpacked by another one. */
const large = 64 << 20;

/** How layers are unpacked. */
export interface UnpackManner extends Operation {
  /** True where this thread brings the archives in meanwhile, rather than reading them from a file. */
  readonly isBusy?: boolean;
}

/**
 * Unpack what isn't there yet of a stack of layers above `parent`, and commit it from the bottom up. Where it pays, layers are
 * unpacked side by side, each on a thread: what depends on lower layers is done when those are there, so that the result is the same.
 * The error is that of the lowest layer that has one.
 */
export async function unpackLayers(
  deps: UnpackDeps,
  parent: ChainID | undefined,
  { archives, isBusy = false, ...operation }: UnpackManner & { readonly archives: readonly LayerArchive[] },
): Promise<readonly LayerRecord[]> {
  const steps = stepsOf(parent, archives);
  const missing = await firstMissing(deps.store, steps);
  for (const { archive } of steps.slice(0, missing)) await archive.release?.();
  const rest = steps.slice(missing);
  // What is kept of files is known to one thread.
  const threads = deps.host.unprivileged ? { others: 0, here: true } : threadsFor(rest, isBusy);
  if (threads.others > 0) await sideBySide(deps, rest, { ...operation, threads });
  else for (const step of rest) await unpackHere(deps, step, operation);
  return layersOf(deps.store, steps);
}

/** How many of the layers are there already. They stay until records refer to them. */
async function firstMissing(store: LayerStore, steps: readonly Step[]): Promise<number> {
  for (;;) {
    const missing = steps.findIndex(({ chainID }) => store.find(chainID) === undefined);
    const count = missing < 0 ? steps.length : missing;
    const top = steps[count - 1];
    // Another process may just have deleted them.
    if (top === undefined || (await store.keep(top.chainID))) return count;
  }
}

function stepsOf(parent: ChainID | undefined, archives: readonly LayerArchive[]): readonly Step[] {
  let below = parent;
  return archives.map((archive) => {
    const step = { archive, parent: below, chainID: childChain(below, archive.diffID) };
    below = step.chainID;
    return step;
  });
}

function layersOf(store: LayerStore, steps: readonly Step[]): readonly LayerRecord[] {
  return steps.flatMap(({ chainID }) => store.find(chainID) ?? []);
}

/** Which threads unpack. */
interface Threads {
  readonly others: number;
  /** Whether this one does, too. */
  readonly here: boolean;
}

function threadsFor(steps: readonly Step[], isBusy: boolean): Threads {
  const sizes = steps.map(({ archive: { size = 0, blob, diffID } }) =>
    blob?.digest === diffID ? size / plainBytes : size,
  );
  const largest = Math.max(0, ...sizes);
  const most = Math.min(steps.length, availableParallelism(), mostThreads);
  if (isBusy && largest >= large && availableParallelism() > 1) {
    return { others: Math.min(most, availableParallelism() - 1), here: false };
  }
  const beside = sizes.reduce((sum, size) => sum + size, 0) - largest;
  return { others: beside < worthwhile ? 0 : most - 1, here: true };
}

/** Unpack a layer above those that are there, on this thread, and commit it. */
async function unpackHere(deps: UnpackDeps, step: Step, operation: Operation): Promise<void> {
  const { host, store } = deps;
  if (!(await store.keep(step.chainID))) {
    await using workplace = await deps.prepare(step.parent);
    const places = placesIn(workplace);
    const lower = store.directories(step.parent);
    const options = { ...operation, onUnpacked: () => store.startWriteback() };
    const layer = await unpackLayer(host.syscalls, { ...places, lower }, { ...options, ...step.archive });
    await place(store, step, { places, layer });
  }
  await step.archive.release?.();
}

/** A layer that was unpacked without those below it. */
interface Apart {
  readonly workplace: Workplace;
  /** Undefined when that can't be. */
  readonly layer: UnpackedLayer | undefined;
}

async function sideBySide(
  deps: UnpackDeps,
  steps: readonly Step[],
  { threads, ...operation }: Operation & { readonly threads: Threads },
): Promise<void> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, ...(operation.signal === undefined ? [] : [operation.signal])]);
  await using owned = new AsyncDisposableStack();
  const others = Array.from({ length: threads.others }, () => owned.use(new UnpackThread()));
  const workers = threads.here ? [...others, unpackerHere(deps)] : others;
  const unpacked = share(steps, workers, async ({ archive }, worker): Promise<Apart> => {
    signal.throwIfAborted();
    const workplace = owned.use(await deps.prepare(undefined));
    const onUnpacked = (): void => deps.store.startWriteback();
    const layer = await worker.unpack(placesIn(workplace), archive, { ...operation, signal, onUnpacked });
    return { workplace, layer };
  });
  try {
    for (const [step, apart] of unpacked) await commitApart(deps, step, { ...(await apart), operation });
  } finally {
    ended.abort();
    await Promise.allSettled(unpacked.values());
  }
}

function unpackerHere({ host }: UnpackDeps): Unpacker {
  return {
    unpack: async (places, archive, options) => {
      try {
        return await unpackLayer(host.syscalls, { ...places, lower: undefined }, { ...options, ...archive });
      } catch (error) {
        if (error instanceof LowerLayersNeeded) return undefined;
        throw error;
      }
    },
  };
}

/** Commit a layer that was unpacked apart, now that those below it are there. */
async function commitApart(
  deps: UnpackDeps,
  step: Step,
  { workplace, layer, operation }: Apart & { readonly operation: Operation },
): Promise<void> {
  const { host, store } = deps;
  if (layer !== undefined) {
    const places = placesIn(workplace);
    const lower = store.directories(step.parent);
    await settleImplied(host.syscalls, { ...places, lower }, layer.implied);
    await place(store, step, { places, layer });
  }
  await workplace[Symbol.asyncDispose]();
  if (layer === undefined) await unpackHere(deps, step, operation);
  else await step.archive.release?.();
}

/** Move a layer that is unpacked to its place. An equal one that exists already wins. */
async function place(
  store: LayerStore,
  { parent, chainID }: Step,
  { places, layer }: { readonly places: ApartPlaces; readonly layer: UnpackedLayer },
): Promise<void> {
  const { upper: directory, manifest, recipe } = places;
  const { diffID, size, bytes } = layer;
  await store.add({ directory, manifest, recipe }, { chainID, diffID, parent, size, bytes, writer: "recipe" });
}

function placesIn({ directory }: Workplace): ApartPlaces {
  return {
    upper: join(directory, "upper"),
    recipe: join(directory, "recipe"),
    manifest: join(directory, "manifest"),
  };
}

/** Have `workers` do something for each item, in the order of the items, each worker one at a time. */
function share<Item, Worker, Result>(
  items: readonly Item[],
  workers: readonly Worker[],
  work: (item: Item, worker: Worker) => Promise<Result>,
): ReadonlyMap<Item, Promise<Result>> {
  const results = new Map(items.map((item) => [item, Promise.withResolvers<Result>()]));
  const left = results.entries();
  const serve = async (worker: Worker): Promise<void> => {
    for (const [item, { resolve, reject }] of left) await work(item, worker).then(resolve, reject);
  };
  // Whoever comes to a result is told; one that failed may have to wait for that.
  for (const { promise } of results.values()) promise.catch(() => {});
  for (const worker of workers) void serve(worker);
  return new Map([...results].map(([item, { promise }]) => [item, promise]));
}
