import type { Operation } from "../base/operation.ts";
import type { Mount } from "../host/mount.ts";
import type { ChainID, DiffID } from "../oci/digest.ts";
import type { Change } from "./changes.ts";
import type { MergedTree } from "./merged-tree.ts";

/**
 * File system states as a tree, in containerd's words.
 *
 * A committed snapshot is a layer: a directory of differences (in overlayfs's form: 0:0 character devices and opaque
 * xattrs) that is never written again, on top of its parent. An active snapshot is writable: an upper directory above a
 * committed parent. Nothing here mounts: a snapshot yields the {@link Mount} that whoever needs a kernel view makes in
 * a mount namespace of its own, and a {@link MergedTree} for everybody else.
 */
export interface Snapshotter {
  /** A committed snapshot, or undefined. */
  find(chainID: ChainID): Layer | undefined;
  /** Every committed snapshot. */
  layers(): readonly Layer[];
  /**
   * Make a writable snapshot above `parent` (an empty root when undefined).
   * Disposing it removes it, unless it was kept or committed.
   *
   * @throws {BerthError} not-found, when `parent` isn't committed; already-exists, when `key` is taken
   */
  prepare(key: string, parent: ChainID | undefined): Promise<ActiveSnapshot>;
  /** An active snapshot that was kept. Disposing the result does nothing. @throws {BerthError} not-found */
  open(key: string): Promise<ActiveSnapshot>;
  /** The file system of a committed snapshot, read without a mount. */
  view(chainID: ChainID | undefined): MergedTree;
  /** Delete an active snapshot; nothing when it isn't there. */
  remove(key: string): Promise<void>;
  /** Wait until every layer that this process committed is on disk and recorded. An image or build record comes after it. */
  flush(): Promise<void>;
  /**
   * Delete the committed snapshots that no `image_layer`, `container`, `build_record` or living process names,
   * top ones first, and active ones that no container owns and whose process is gone.
   */
  collect(op?: Operation): Promise<Collected>;
}

/** What {@link Snapshotter.collect} deleted. */
export interface Collected {
  readonly layers: readonly ChainID[];
  readonly bytes: number;
}

/** A committed snapshot. */
export interface Layer {
  readonly chainID: ChainID;
  readonly diffID: DiffID;
  readonly parent: ChainID | undefined;
  /** Sum of the sizes of its regular files, in bytes (what `history` shows). */
  readonly size: number;
  /** Absolute path of the directory of differences. */
  readonly path: string;
}

/** A writable snapshot. */
export interface ActiveSnapshot extends AsyncDisposable {
  readonly key: string;
  readonly parent: ChainID | undefined;
  /** Absolute path of the upper directory. */
  readonly upper: string;
  /** The one overlay mount that shows it; give it to one mount namespace at a time. */
  mounts(): readonly Mount[];
  /** The file system as it is now, read without a mount. */
  view(): MergedTree;
  /** What differs from the parent, in Docker's order (by path). */
  changes(): Promise<readonly Change[]>;
  /** Sum of the sizes of the regular files in the upper directory, bytes. */
  usage(): Promise<number>;
  /** Leave it in place when it is disposed: a container's read-write layer. */
  keep(): void;
  /**
   * Turn it into a committed snapshot: hash the canonical archive, rename the upper directory into place, then record it.
   * An equal layer that exists already wins. Durable once {@link Snapshotter} has synced: see `options.sync`.
   */
  commit(op?: Operation): Promise<Layer>;
  /** The same from a copy, leaving this one writable: what `berth commit` of a container does. */
  commitCopy(op?: Operation): Promise<Layer>;
}
