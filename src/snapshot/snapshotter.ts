import { chmodSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { bytesOf } from "../archive/byte-string.ts";
import type { LayerWriter } from "../archive/layer-tar.ts";
import type { ManifestEntry } from "../archive/manifest.ts";
import type { BatchOptions } from "../archive/tar-parts.ts";
import { walk } from "../archive/walk.ts";
import type { TempDir } from "../base/disposal.ts";
import { BerthError, codeOf } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import type { Garbage, Problem } from "../base/problem.ts";
import type { Host } from "../host/host.ts";
import type { Mount } from "../host/mount.ts";
import type { Database } from "../metadata/database.ts";
import type { ChainID, Digest } from "../oci/digest.ts";
import { adoptAttributes, adoptMountPoints } from "./adopt.ts";
import { type Change, changesOf } from "./changes.ts";
import type { LayerCheckOptions } from "./check-layers.ts";
import { type Collected, leaseNames } from "./collect.ts";
import type { Upper } from "./commit-layer.ts";
import type { LayerRecord } from "./layer-records.ts";
import { type CollectOptions, LayerStore } from "./layer-store.ts";
import { type MergedTree, mergedTree } from "./merged-tree.ts";
import { type OverlayPaths, overlayMount } from "./overlay-mount.ts";
import { mountablePath } from "./served-layers.ts";
import type { LayerArchive } from "./unpack-layer.ts";
import type { UnpackManner } from "./unpack-layers.ts";

/**
 * File system states as a tree, in containerd's words.
 *
 * A committed snapshot is a layer: a directory of differences (in overlayfs's form: 0:0 character devices and opaque
 * xattrs) that is never written again, on top of its parent. An active snapshot is writable: an upper directory above a
 * committed parent. Nothing here mounts: a snapshot yields the {@link Mount} that whoever needs a kernel view makes in
 * a mount namespace of its own, and a {@link MergedTree} for everybody else.
 */
export interface Snapshotter extends AsyncDisposable {
  /** A committed snapshot, or undefined. */
  find(chainID: ChainID): Layer | undefined;
  /** Every committed snapshot. */
  layers(): readonly Layer[];
  /**
   * Make a writable snapshot above `parent` (an empty root when undefined).
   * Disposing it removes it, unless it was kept or committed.
   *
   * `init` fills a directory that lies between the parent and what is written: mount points, which neither `diff` nor `commit`
   * shall show. What the parent has already stays as it is there.
   *
   * @throws {BerthError} not-found, when `parent` isn't committed; already-exists, when `key` is taken
   */
  prepare(key: string, parent: ChainID | undefined, options?: PrepareOptions): Promise<ActiveSnapshot>;
  /**
   * An active snapshot that was kept. What it lies on is in the record of whoever kept it, and nowhere else: a file beside it
   * would have to be synced as well. Disposing the result does nothing.
   *
   * @throws {BerthError} not-found
   */
  open(key: string, parent: ChainID | undefined): Promise<ActiveSnapshot>;
  /**
   * Unpack the archives of layers, the bottom one first, above `parent`, and commit them, each in one pass: its directory, and
   * the recipe that gives its bytes back. Large ones are unpacked side by side, whichever is there first: archives are opened
   * in their order, several at a time. A layer that exists already isn't read; an equal one that comes meanwhile wins.
   *
   * @returns all of them
   * @throws {BerthError} invalid-argument, when an archive is malformed or isn't the one that the diffID says: the lowest such one
   */
  unpack(parent: ChainID | undefined, archives: readonly LayerArchive[], op?: UnpackManner): Promise<readonly Layer[]>;
  /**
   * The archive of a committed snapshot, byte for byte.
   *
   * @throws {BerthError} data-loss, at the end, when the bytes aren't those that the diffID is of
   */
  archive(layer: Layer, op?: Operation & BatchOptions): AsyncIterable<Uint8Array>;
  /** What the directory of a committed snapshot holds, as it is written down; looked at, but for contents, where that is lost. */
  manifest(layer: Layer): Promise<Iterable<ManifestEntry>>;
  /** The file system of a committed snapshot, read without a mount. */
  view(chainID: ChainID | undefined): MergedTree;
  /** Where the layers of a committed snapshot lie, the topmost first. @throws {BerthError} not-found */
  directories(chainID: ChainID | undefined): readonly string[];
  /** Delete an active snapshot; nothing when it isn't there. */
  remove(key: string): Promise<void>;
  /** Keep a blob that no record names yet from every collector: held before it is written, until it is recorded. */
  holdBlob(digest: Digest): Promise<AsyncDisposable>;
  /** Tells which blobs are held; asked within a write transaction, in which the others are deleted. */
  isHeldBlob(): (digest: Digest) => boolean;
  /** An empty directory on the store's disk for files that are needed for a while; gone with its scope, or its process. */
  scratch(): Promise<TempDir>;
  /** Wait until every layer that this process committed is on disk and recorded: an image or build record comes after it. */
  flush(): Promise<void>;
  /** Check every committed snapshot, its directory and its archive. */
  check(options: LayerCheckOptions): AsyncIterable<Problem>;
  /** What {@link Snapshotter.collect} would delete. */
  garbage(): Promise<readonly Garbage[]>;
  /**
   * Delete the committed snapshots that no image, container, build record or living process needs, top ones first, and active
   * ones that no container owns and whose process is gone.
   */
  collect(options?: CollectOptions): Promise<Collected>;
  /** Say that an image or a build record names these, flushed before: this process needn't hold what it committed any more. */
  referred(chainIDs: readonly ChainID[]): Promise<void>;
}

/** A committed snapshot. */
export type Layer = LayerRecord;

/** What {@link Snapshotter.prepare} takes beside. */
export interface PrepareOptions {
  readonly init?: (directory: string) => void | Promise<void>;
}

/** How a snapshot is committed. */
export interface CommitOptions extends Operation {
  /** Writes the layer's archive; `made` when absent, `taken` is for what was unpacked from an archive. */
  readonly writer?: LayerWriter;
  /** The latest time that a file of the layer may have, nanoseconds since the epoch: younger ones get it. Any when absent. */
  readonly latest?: bigint;
  /** True where it was written through a mount, by processes that see only what the file system holds. False when absent. */
  readonly mounted?: boolean;
  /** True where an equal layer is probably there: nothing is sent to the disk before that is known. False when absent. */
  readonly again?: boolean;
}

/** A writable snapshot. */
export interface ActiveSnapshot extends AsyncDisposable {
  readonly key: string;
  readonly parent: ChainID | undefined;
  /** Absolute path of the upper directory. */
  readonly upper: string;
  /** What {@link ActiveSnapshot.mounts} puts together. */
  directories(): Required<OverlayPaths>;
  /**
   * The one overlay mount that shows it; give it to one mount namespace at a time. Where the parent's layers are served
   * (`served-layers.ts`), it can be made in a copy of that process's namespace alone.
   */
  mounts(): readonly Mount[];
  /** The file system as it is now, read without a mount. */
  view(): MergedTree;
  /** What differs from the parent, in Docker's order (by path). */
  changes(op?: Operation): Promise<readonly Change[]>;
  /** Sum of the sizes of the regular files and symlinks in the upper directory, bytes. */
  usage(): Promise<number>;
  /** Leave it in place when it is disposed: a container's read-write layer. */
  keep(): void;
  /**
   * Turn it into a committed snapshot: hash the canonical archive and rename the upper directory into place.
   * An equal layer that exists already wins. It can be found and built upon at once, and outlasts the process and a power
   * loss after {@link Snapshotter.flush}.
   */
  commit(op?: CommitOptions): Promise<Layer>;
  /** The same from a copy, leaving this one writable: what `berth commit` of a container does. */
  commitCopy(op?: CommitOptions): Promise<Layer>;
}

/** Open the snapshots of a store: overlayfs directories below `layers`, `active` and `leases`. */
export function openSnapshotter(host: Host, db: Database): Snapshotter {
  const store = new LayerStore(host, db);
  const activeOf = (key: string): ActiveOverlay => new ActiveOverlay(host, store, key);
  return {
    find: (chainID) => store.find(chainID),
    layers: () => store.all(),
    prepare: async (key, parent, options = {}) => {
      const active = activeOf(key);
      await active.make(parent, options);
      return active;
    },
    open: async (key, parent) => {
      const active = activeOf(key);
      active.load(parent);
      return active;
    },
    unpack: async (parent, archives, operation) => {
      const { unpackLayers } = await import("./unpack-layers.ts");
      const prepare = async (below: ChainID | undefined): Promise<ActiveOverlay> => {
        const active = activeOf(`unpack-${randomID()}`);
        await active.make(below, {});
        return active;
      };
      return await unpackLayers({ host, store, prepare }, parent, { ...operation, archives });
    },
    archive: async function* (layer, operation) {
      const { layerArchive } = await import("./layer-archive.ts");
      yield* layerArchive(host.syscalls, layer, operation);
    },
    manifest: async (layer) => {
      const { layerManifest } = await import("./layer-manifest.ts");
      return await layerManifest(host.syscalls, layer);
    },
    view: (chainID) => mergedTree(host.syscalls, { layers: store.directories(chainID) }),
    directories: (chainID) => store.directories(chainID),
    remove: (key) => activeOf(key).remove(),
    holdBlob: (digest) => store.holdBlob(digest),
    isHeldBlob: () => store.isHeldBlob(),
    scratch: () => store.scratch(),
    flush: () => store.flush(),
    check: async function* (options) {
      const { checkLayers } = await import("./check-layers.ts");
      yield* checkLayers({ host, db, store }, options);
    },
    garbage: async () => {
      const { snapshotGarbage } = await import("./check-snapshots.ts");
      return await snapshotGarbage({ host, db, paths: store.paths });
    },
    collect: (options) => store.collect(options),
    referred: (chainIDs) => store.referred(chainIDs),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** Files between two turns of the event loop. */
const filesPerTurn = 1000;

const keyPattern = /^[\w-][\w.-]*$/;

class ActiveOverlay implements ActiveSnapshot {
  readonly key: string;
  parent: ChainID | undefined;
  readonly #host: Host;
  readonly #store: LayerStore;
  /** What is held of the parent. */
  #basis: ChainID | undefined;
  /** Absolute; all that it has is in there. */
  readonly directory: string;
  /** True for the one that made it, until it is kept or removed. */
  #owned = false;
  #holding = false;

  constructor(host: Host, store: LayerStore, key: string) {
    if (!keyPattern.test(key)) throw new Error(`bad snapshot key ${JSON.stringify(key)}`);
    this.key = key;
    this.#host = host;
    this.#store = store;
    this.directory = join(store.paths.active, key);
  }

  get upper(): string {
    return join(this.directory, "upper");
  }

  async make(parent: ChainID | undefined, { init }: PrepareOptions): Promise<void> {
    this.parent = parent;
    this.#basis = parent === undefined ? undefined : this.#store.basisOf(parent);
    if (this.#basis !== undefined) await this.#store.holdChain(this.#basis);
    await this.#store.hold(leaseNames.active(this.key));
    this.#holding = true;
    try {
      makeDirectory(this.directory, 0o700, `snapshot ${this.key} exists`);
      this.#owned = true;
      this.#makeRoot(this.upper);
      mkdirSync(join(this.directory, "work"), { mode: 0o700 });
      if (init !== undefined) await this.#makeInit(init);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Take up what was kept. */
  load(parent: ChainID | undefined): void {
    if (!existsSync(this.upper)) throw new BerthError("not-found", `snapshot does not exist: ${this.key}`);
    this.parent = parent;
  }

  mounts(): readonly Mount[] {
    const { lower, ...own } = this.directories();
    const { unprivileged: userXattrs } = this.#host;
    return [overlayMount({ directory: this.#store.paths.layers, lower: lower.map(mountablePath), ...own, userXattrs })];
  }

  directories(): Required<OverlayPaths> {
    return { lower: this.#lower(), upper: this.upper, work: join(this.directory, "work") };
  }

  view(): MergedTree {
    return mergedTree(this.#host.syscalls, { layers: this.#lower(), upper: this.upper });
  }

  changes(operation?: Operation): Promise<readonly Change[]> {
    return changesOf(this.#host.syscalls, { upper: this.upper, layers: this.#lower() }, operation);
  }

  async usage(): Promise<number> {
    const counted = new Set<bigint>();
    let bytes = 0n;
    let files = 0;
    for (const { stats } of walk(bytesOf(this.upper))) {
      if ((stats.isFile() || stats.isSymbolicLink()) && !counted.has(stats.ino)) bytes += stats.size;
      if (stats.nlink > 1n) counted.add(stats.ino);
      if (++files % filesPerTurn === 0) await turn();
    }
    return Number(bytes);
  }

  keep(): void {
    this.#owned = false;
  }

  async commit(options: CommitOptions = {}): Promise<Layer> {
    const { commitUpper } = await import("./commit-layer.ts");
    const committed = await commitUpper({ host: this.#host, store: this.#store }, this.#asUpper, options);
    await this.remove();
    return committed;
  }

  async commitCopy(options: CommitOptions = {}): Promise<Layer> {
    const { copyUpper } = await import("./commit-layer.ts");
    const copy = new ActiveOverlay(this.#host, this.#store, `commit-${randomID()}`);
    await copy.make(this.parent, {});
    await using _removed = copy;
    await copyUpper({ host: this.#host, store: this.#store }, { from: this.upper, to: copy.upper }, options);
    return await copy.commit(options);
  }

  async remove(): Promise<void> {
    // Node's other one goes through a thread for each file.
    rmSync(this.directory, { recursive: true, force: true });
    this.#owned = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#owned) await this.remove();
    if (!this.#holding) return;
    this.#holding = false;
    await this.#store.release(leaseNames.active(this.key));
    if (this.#basis !== undefined) await this.#store.release(leaseNames.chain(this.#basis));
  }

  get #asUpper(): Upper {
    return { directory: this.upper, parent: this.parent, manifest: join(this.directory, "manifest") };
  }

  get #init(): string {
    return join(this.directory, "init");
  }

  /** What the upper directory lies on, the topmost first. */
  #lower(): readonly string[] {
    const layers = this.#store.directories(this.parent);
    return existsSync(this.#init) ? [this.#init, ...layers] : layers;
  }

  /** The root of an upper directory is the root that is seen: it takes after the one below. */
  #makeRoot(path: string): void {
    mkdirSync(path);
    chmodSync(path, 0o755);
    const [below] = this.#store.directories(this.parent);
    if (below !== undefined) adoptAttributes(this.#host.syscalls, bytesOf(below), bytesOf(path));
  }

  async #makeInit(init: (directory: string) => void | Promise<void>): Promise<void> {
    const layers = this.#store.directories(this.parent);
    this.#makeRoot(this.#init);
    await init(this.#init);
    adoptMountPoints(this.#host.syscalls, this.#init, layers);
  }
}

function makeDirectory(path: string, mode: number, taken: string): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    throw new BerthError("already-exists", taken, { cause: error });
  }
}
