import { messageOf } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import { type Operation, type ProgressEvent, stoppedBy } from "../base/operation.ts";
import type { PreparedPull } from "../image/pull.ts";
import { bringLayers, layersHere } from "../image/pull-layers.ts";
import { type ChainID, chainIDs, type Digest, digestOf } from "../oci/digest.ts";
import type { RemoteCacheDeps } from "../remote-cache/deps.ts";
import type { ImportedCache, ImportedRecord, TravellingLayer } from "../remote-cache/imported-cache.ts";
import { importName, openImport } from "../remote-cache/open-import.ts";
import type { CacheImport } from "../remote-cache/options.ts";
import type { StepKey } from "../remote-cache/step-key.ts";
import type { BuildCache, BuildRecord } from "./cache.ts";
import { internalStep } from "./progress.ts";
import { pullBase, translator } from "./pull-base.ts";
import { type FoundStep, SolveAgain, type Solved } from "./solve.ts";

/** Caches from elsewhere that a build looks into. */
export interface CacheImports extends AsyncDisposable {
  readonly caches: readonly ImportedCache[];
  /** Told of what couldn't be read. */
  readonly warnings: readonly string[];
  /** A cache that knows these as well: what the store has comes first. */
  behind(cache: BuildCache): BuildCache;
  /**
   * Fetch the layers of file systems that a hit named, where they aren't here.
   *
   * @throws {SolveAgain} where they can't be had: what named them is no hit any more
   */
  bring(solved: readonly (Solved | undefined)[], operation: Operation): Promise<void>;
  /** What BuildKit left of a step that stands on `parent`. What has layers comes before what has none. */
  findStep(step: StepKey, parent: Solved | undefined): Promise<FoundStep | undefined>;
  /** Pull a base image when its layers are needed, and not before: a hit may make do without it. @returns whether it will be */
  pullLater(chainID: ChainID | undefined, base: LaterPull): boolean;
  /** Make the directory of a cache mount with what a cache has of it, where one has. What can't be had is a warning. */
  readonly fill: (name: string, directory: string, operation: Operation) => Promise<void>;
}

/** A base image that wasn't pulled yet. */
export interface LaterPull {
  readonly pull: PreparedPull;
  readonly vertex: Digest;
}

/** Read caches. What can't be read is a warning. @throws the reason of the signal, when that aborts */
export async function openCacheImports(
  deps: RemoteCacheDeps,
  from: readonly CacheImport[],
  operation: Operation,
): Promise<CacheImports> {
  await using stack = new AsyncDisposableStack();
  const warnings: string[] = [];
  const read = async (each: CacheImport): Promise<readonly ImportedCache[]> => {
    const name = importName(each);
    try {
      return await internalStep(operation, `importing cache manifest from ${name}`, () =>
        openImport(deps, each, { ...operation, stack }),
      );
    } catch (error) {
      operation.signal?.throwIfAborted();
      warnings.push(`failed to import the cache ${name}: ${messageOf(error)}`);
      return [];
    }
  };
  const caches = (await Promise.all(from.map(read))).flat();
  const owned = stack.move();
  return new Imports(deps, { caches, warnings, operation, owned });
}

interface ImportsParts {
  readonly caches: readonly ImportedCache[];
  readonly warnings: string[];
  /** Of the build. */
  readonly operation: Operation;
  readonly owned: AsyncDisposable;
}

class Imports implements CacheImports {
  readonly warnings: string[];
  readonly #deps: RemoteCacheDeps;
  readonly #parts: ImportsParts;
  readonly #gone: Set<ImportedCache> = new Set();
  /** Records whose layers didn't travel are hits until one of them would be needed. */
  #takesNames = true;
  readonly #pulls: Map<ChainID, LaterPull[]> = new Map();
  /** One after the other: what two file systems share comes once. */
  #last: Promise<void> = Promise.resolve();

  constructor(deps: RemoteCacheDeps, parts: ImportsParts) {
    this.#deps = deps;
    this.#parts = parts;
    this.warnings = parts.warnings;
  }

  get caches(): readonly ImportedCache[] {
    return this.#parts.caches.filter((cache) => !this.#gone.has(cache));
  }

  behind(cache: BuildCache): BuildCache {
    return { ...cache, find: (key) => cache.find(key) ?? this.#find(key) };
  }

  async bring(solved: readonly (Solved | undefined)[], operation: Operation): Promise<void> {
    for (const each of solved) if (each?.chainID !== undefined) await this.#bringAlone(each.chainID, operation);
  }

  async findStep(step: StepKey, parent: Solved | undefined): Promise<FoundStep | undefined> {
    let isKnown = false;
    for (const cache of this.caches) {
      for (const record of await cache.findStep(step)) {
        isKnown = true;
        if (record?.layers === undefined) continue;
        if (parent?.isUnknown === true || belowOf(record.layers()) === parent?.chainID)
          return { chainID: record.chainID, created: record.created };
      }
    }
    // What was made on something else isn't what this build would have: it is good for names, as where no layers travelled.
    if (!isKnown || !this.#takesNames) return undefined;
    return { chainID: digestOf(`unknown ${randomID()}`), created: new Date(0).toISOString(), isUnknown: true };
  }

  pullLater(chainID: ChainID | undefined, base: LaterPull): boolean {
    if (chainID === undefined || this.caches.length === 0) return false;
    this.#pulls.set(chainID, [...(this.#pulls.get(chainID) ?? []), base]);
    return true;
  }

  readonly fill: CacheImports["fill"] = async (name, directory, operation) => {
    for (const cache of this.caches) {
      const mount = cache.mounts.find((each) => each.name === name);
      if (mount === undefined) continue;
      try {
        const { fetchMount } = await import("../remote-cache/mounts.ts");
        return await fetchMount(this.#deps, { mount, cache, directory }, operation);
      } catch (error) {
        operation.signal?.throwIfAborted();
        this.warnings.push(`a cache mount of ${cache.name} begins empty: ${messageOf(error)}`);
      }
    }
  };

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#parts.owned[Symbol.asyncDispose]();
  }

  async #bringAlone(chainID: ChainID, operation: Operation): Promise<void> {
    if (this.#isHere(chainID)) return;
    const before = this.#last;
    const own = before.then(() => this.#bringChain(chainID, { ...this.#parts.operation, ...operation }));
    this.#last = own.catch(() => undefined);
    await own;
  }

  #isHere(chainID: ChainID): boolean {
    return this.#deps.snapshotter.find(chainID) !== undefined;
  }

  async #bringChain(chainID: ChainID, operation: Operation): Promise<void> {
    operation.signal?.throwIfAborted();
    if (this.#isHere(chainID)) return;
    for (const { pull, vertex } of this.#pulls.get(chainID) ?? []) {
      await pullBase(pull, vertex, { ...operation, signal: operation.signal ?? new AbortController().signal });
    }
    if (this.#isHere(chainID)) return;
    for (const cache of this.caches) {
      const record = cache.chains.get(chainID);
      if (record === undefined) continue;
      if (await this.#fetch(cache, record, operation)) return;
      throw new SolveAgain(`layers of ${cache.name} can't be had`);
    }
    this.#takesNames = false;
    throw new SolveAgain(`no cache has the layers of ${chainID}`);
  }

  /** What has layers comes before what has none. */
  #find(key: string): BuildRecord | undefined {
    const found = this.caches.flatMap(({ records }) => records.get(key) ?? []);
    const record = found.find(({ layers }) => layers !== undefined) ?? (this.#takesNames ? found[0] : undefined);
    if (record === undefined) return undefined;
    const { chainID, created, name } = record;
    return { key, chainID, created, name };
  }

  /** Fetch and unpack what isn't here. @returns false, where it can't be had: nothing of that cache is a hit any more */
  async #fetch(cache: ImportedCache, { layers }: ImportedRecord, operation: Operation): Promise<boolean> {
    const stack = layers?.() ?? [];
    try {
      if (cache.reader === undefined) throw new Error("the image was removed");
      await this.#bringStack(cache, stack, operation);
      return true;
    } catch (error) {
      operation.signal?.throwIfAborted();
      this.#gone.add(cache);
      this.warnings.push(`the cache ${cache.name} is left out: ${messageOf(error)}`);
      return false;
    }
  }

  async #bringStack(
    { name, reader }: ImportedCache,
    stack: readonly TravellingLayer[],
    operation: Operation,
  ): Promise<void> {
    if (reader === undefined) return;
    const { parallel } = await this.#deps.openRegistries();
    const here = layersHere(
      this.#deps,
      stack.map(({ blob }) => blob),
      stack.map(({ diffID }) => diffID),
    );
    await using held = new AsyncDisposableStack();
    for (const { blob } of stack) held.use(await this.#deps.snapshotter.holdBlob(blob.digest));
    // A directory that is here needs no blob.
    const layers = here.map((layer) => (layer.unpacked ? { ...layer, packed: true } : layer));
    const step = `[internal] fetching layers from ${name}`;
    const translated = translator(digestOf(step));
    const { report, signal } = operation;
    const tell = report && { report: (event: ProgressEvent) => translated(event).forEach(report) };
    await internalStep(operation, step, () =>
      bringLayers(
        this.#deps,
        { repository: reader, layers },
        { parallel, unpackedOnly: true, ...stoppedBy(signal), ...tell },
      ),
    );
  }
}

/** The file system that the topmost layer lies on; undefined for the empty one. */
function belowOf(layers: readonly TravellingLayer[]): ChainID | undefined {
  return chainIDs(layers.map(({ diffID }) => diffID)).at(-2);
}
