import { mkdirSync, renameSync, rmdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { TempDir } from "../base/disposal.ts";
import { BerthError, codeOf } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import { ExecError, exec } from "../host/exec.ts";
import type { Host } from "../host/host.ts";
import type { Database } from "../metadata/database.ts";
import type { ChainID, Digest } from "../oci/digest.ts";
import { type Collected, collectGarbage, leaseNames } from "./collect.ts";
import {
  allRecords,
  findRecord,
  insertRecord,
  type LayerRecord,
  lastNumber,
  manifestPath,
  recipePath,
} from "./layer-records.ts";
import { heldNames, type Lease, openLease } from "./lease.ts";
import { tooDeep } from "./overlay-mount.ts";
import { readablePaths, servedLayers } from "./served-layers.ts";
import { type StorePaths, storePaths } from "./store-paths.ts";

/** A layer whose directory is in place and that has no record yet. */
interface Pending {
  readonly number: number;
  readonly layer: LayerRecord;
}

/** What becomes a layer, absolute: its directory, what that holds, and how its archive is made of it. */
export interface LayerParts {
  readonly directory: string;
  readonly manifest: string;
  readonly recipe?: string;
}

/** How a collection is done. */
export interface CollectOptions extends Operation {
  /** Spare what this process committed and no record names yet: something else that it does at the same time is about to. */
  readonly spareOwn?: boolean;
}

/**
 * The committed snapshots of a store: directories first, then records. A layer that this process committed is there for
 * itself at once; for others, and after a crash, when it is flushed.
 */
export class LayerStore implements AsyncDisposable {
  readonly paths: StorePaths;
  readonly #host: Host;
  readonly #db: Database;
  /** In the order of their commits: each after its parent. */
  readonly #pending: Map<ChainID, Pending> = new Map();
  /** Chains that this process committed: held for a referrer to come. */
  readonly #fresh: Set<ChainID> = new Set();
  readonly #holds: Map<string, number> = new Map();
  #lease: Promise<Lease> | undefined;
  #writeback: Promise<void> | undefined;
  #flushing: Promise<void> | undefined;
  #lastNumber = 0;

  constructor(host: Host, db: Database) {
    this.#host = host;
    this.#db = db;
    this.paths = storePaths(host);
  }

  find(chainID: ChainID): LayerRecord | undefined {
    const pending = this.#pending.get(chainID);
    return pending?.layer ?? findRecord(this.#db, this.paths.layers, chainID);
  }

  all(): readonly LayerRecord[] {
    const pending = [...this.#pending.values()].map(({ layer }) => layer).reverse();
    return [...pending, ...this.#db.read((sql) => allRecords(sql, this.paths.layers))];
  }

  /** The directories of a chain's layers, the topmost first; of layers that aren't here those of the process that serves them. @throws {BerthError} not-found */
  directories(chainID: ChainID | undefined): readonly string[] {
    const directories: string[] = [];
    for (let next = chainID; next !== undefined; ) {
      const layer = this.find(next);
      const served = layer === undefined ? servedLayers(this.#host, next) : undefined;
      // What was served until a moment ago is here now.
      const found = layer ?? (served === undefined ? this.find(next) : undefined);
      if (served !== undefined) directories.push(...readablePaths(served));
      else if (found === undefined) throw noSuchLayer(next);
      else directories.push(found.path);
      next = found === undefined ? served?.below : found.parent;
    }
    return directories;
  }

  /** The topmost layer of a chain that is here: below those that a process serves, and else the chain's own. */
  basisOf(chainID: ChainID): ChainID | undefined {
    const served = this.find(chainID) === undefined ? servedLayers(this.#host, chainID) : undefined;
    return served === undefined ? chainID : served.below;
  }

  /** Keep something from every collector until it is released as often. */
  async hold(name: string): Promise<void> {
    this.#lease ??= openLease(this.#host.syscalls, this.paths.leases);
    const lease = await this.#lease;
    // Nothing is awaited between the count and the file that stands for it.
    const count = this.#holds.get(name) ?? 0;
    if (count === 0) lease.hold(name);
    this.#holds.set(name, count + 1);
  }

  async release(name: string): Promise<void> {
    const lease = await this.#lease;
    const count = this.#holds.get(name) ?? 0;
    if (count > 1) this.#holds.set(name, count - 1);
    else if (this.#holds.delete(name)) lease?.release(name);
  }

  /** Hold a chain. @throws {BerthError} not-found, when it isn't committed */
  async holdChain(chainID: ChainID): Promise<LayerRecord> {
    const layer = await this.#holdCommitted(chainID);
    if (layer === undefined) throw noSuchLayer(chainID);
    return layer;
  }

  /** Hold a chain as one that was committed here: until records refer to it. @returns false, when it isn't there any more */
  async keep(chainID: ChainID): Promise<boolean> {
    if ((await this.#holdCommitted(chainID)) === undefined) return false;
    if (this.#fresh.has(chainID)) await this.release(leaseNames.chain(chainID));
    this.#fresh.add(chainID);
    return true;
  }

  /**
   * Make a layer of a directory, which is moved to its place, and of what is told of it. An equal layer that
   * exists already wins, and they stay where they are.
   *
   * @throws {BerthError} failed-precondition, above as many layers as can be mounted
   */
  async add({ directory, manifest, recipe }: LayerParts, layer: Omit<LayerRecord, "path">): Promise<LayerRecord> {
    const { chainID, parent } = layer;
    const depth = this.directories(parent).length + 1;
    if (depth > limits.layers) throw tooDeep(depth);
    await this.hold(leaseNames.chain(chainID));
    const recorded = await this.#db.write((sql) => findRecord(sql, this.paths.layers, chainID));
    if (this.#fresh.has(chainID)) await this.release(leaseNames.chain(chainID));
    this.#fresh.add(chainID);
    const existing = recorded ?? this.#pending.get(chainID)?.layer;
    if (existing !== undefined) return existing;
    if (parent !== undefined) await this.hold(leaseNames.chain(parent));
    const number = await this.#reserve();
    const path = join(this.paths.layers, String(number));
    // Nothing is awaited from here on: a twin can't come in between.
    const twin = this.#pending.get(chainID);
    if (twin !== undefined) {
      rmdirSync(path);
      await this.#releasePending({ number, layer: twin.layer });
      return twin.layer;
    }
    renameSync(manifest, manifestPath(path));
    if (recipe !== undefined) renameSync(recipe, recipePath(path));
    renameSync(directory, path);
    const placed = { ...layer, path };
    this.#pending.set(chainID, { number, layer: placed });
    return placed;
  }

  async holdBlob(digest: Digest): Promise<AsyncDisposable> {
    const name = leaseNames.blob(digest);
    await this.hold(name);
    // As a writer: a collector that didn't see the hold is through by then.
    await this.#db.write(() => undefined);
    return { [Symbol.asyncDispose]: () => this.release(name) };
  }

  /** The blobs that living processes hold, as a collector that holds the records' lock sees them. */
  isHeldBlob(): (digest: Digest) => boolean {
    const held = heldNames(this.#host.syscalls, this.paths.leases);
    return (digest) => held.has(leaseNames.blob(digest));
  }

  /** An empty directory for files of this process; where it dies, the next collector deletes it. */
  async scratch(): Promise<TempDir> {
    const name = randomID();
    await this.hold(leaseNames.scratch(name));
    const path = join(this.paths.scratch, name);
    mkdirSync(path, { mode: 0o700 });
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        await rm(path, { recursive: true, force: true });
        await this.release(leaseNames.scratch(name));
      },
    };
  }

  /** Begin to write to the disk what is in memory, ahead of the flush that is to come. */
  startWriteback(): void {
    this.#writeback ??= this.sync()
      .catch((error: unknown) => {
        // The flush does it again, and tells.
        if (!(error instanceof ExecError)) throw error;
      })
      .finally(() => {
        this.#writeback = undefined;
      });
  }

  /** Put everything on the disk, by a program: syncfs(2) would stop the event loop. */
  async sync(): Promise<void> {
    await exec(["sync", "-f", this.paths.layers]);
  }

  async flush(): Promise<void> {
    while (this.#pending.size > 0) {
      this.#flushing ??= this.#record().finally(() => {
        this.#flushing = undefined;
      });
      await this.#flushing;
    }
  }

  /** Say that records refer to layers that this process committed: it needn't hold them any more. */
  async referred(chainIDs: readonly ChainID[]): Promise<void> {
    for (const chainID of chainIDs) {
      if (this.#fresh.delete(chainID)) await this.release(leaseNames.chain(chainID));
    }
  }

  async collect({ spareOwn = false, ...operation }: CollectOptions = {}): Promise<Collected> {
    if (!spareOwn) await this.referred([...this.#fresh].filter((chainID) => !this.#pending.has(chainID)));
    return await collectGarbage({ host: this.#host, db: this.#db, paths: this.paths }, operation);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.flush();
    } finally {
      // On a full disk too: what wasn't recorded is garbage then.
      (await this.#lease)?.[Symbol.dispose]();
      this.#lease = undefined;
      this.#holds.clear();
    }
  }

  /** Hold a chain. @returns undefined, and nothing is held, when it isn't committed */
  async #holdCommitted(chainID: ChainID): Promise<LayerRecord | undefined> {
    const name = leaseNames.chain(chainID);
    await this.hold(name);
    // As a writer: a collector that didn't see the hold is through by then.
    const recorded = await this.#db.write((sql) => findRecord(sql, this.paths.layers, chainID));
    const layer = this.#pending.get(chainID)?.layer ?? recorded;
    if (layer === undefined) await this.release(name);
    return layer;
  }

  /** A number that no layer had before, as an empty directory that is held. Other processes reserve theirs meanwhile. */
  async #reserve(): Promise<number> {
    this.#lastNumber = Math.max(this.#lastNumber, this.#db.read(lastNumber));
    for (;;) {
      const number = ++this.#lastNumber;
      const name = leaseNames.directory(number);
      await this.hold(name);
      try {
        mkdirSync(join(this.paths.layers, String(number)), { mode: 0o755 });
        return number;
      } catch (error) {
        await this.release(name);
        if (codeOf(error) !== "EEXIST") throw error;
      }
    }
  }

  async #record(): Promise<void> {
    const batch = [...this.#pending.values()];
    await this.#writeback;
    await this.sync();
    const recorded = await this.#db.write((sql) => batch.map(({ number, layer }) => insertRecord(sql, number, layer)));
    for (const [i, pending] of batch.entries()) {
      this.#pending.delete(pending.layer.chainID);
      // The directory of a layer that another process recorded first may be mounted here: it stays until this process ends.
      if (recorded[i] === true) await this.#releasePending(pending);
    }
  }

  async #releasePending({ number, layer }: Pending): Promise<void> {
    await this.release(leaseNames.directory(number));
    if (layer.parent !== undefined) await this.release(leaseNames.chain(layer.parent));
  }
}

function noSuchLayer(chainID: ChainID): BerthError {
  return new BerthError("not-found", `layer does not exist: ${chainID}`);
}
