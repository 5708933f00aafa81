import { rmSync, statSync } from "node:fs";
import type { Host } from "../host/host.ts";
import { type Lock, lock, lockPath, tryLock } from "../host/lock.ts";
import { digestOf, hexOf } from "../oci/digest.ts";
import type { Snapshotter } from "../snapshot/snapshotter.ts";
import type { BuildCache, BuildRecord } from "./cache.ts";
import type { ClaimOptions, StepClaim } from "./solve.ts";

/** How long a step that ran may wait for others, so that a build of short steps writes once, milliseconds. */
const gatherFor = 1000;

interface BuildRecordsDeps {
  readonly host: Host;
  readonly snapshotter: Pick<Snapshotter, "find" | "flush">;
  readonly cache: BuildCache;
}

/**
 * What a build did, for the builds to come and for those beside it, in other processes: who has the same step waits until it
 * is recorded here, and finds it. The records are written at the end, and a second after a step ran at the latest.
 */
export class BuildRecords implements AsyncDisposable {
  /** Every one so far. */
  readonly all: BuildRecord[] = [];
  readonly #deps: BuildRecordsDeps;
  #anyNew = false;
  readonly #saved = new Set<BuildRecord["key"]>();
  /** Steps that ran and aren't recorded yet. */
  #held: Lock[] = [];
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> | undefined;

  constructor(deps: BuildRecordsDeps) {
    this.#deps = deps;
  }

  /** @param isNew as `save` of the cache asks: its step ran now */
  add(record: BuildRecord, isNew: boolean): void {
    this.all.push(record);
    this.#anyNew ||= isNew;
  }

  /** As {@link SolverDeps} says. */
  async claim(key: string, { signal, waits, since }: ClaimOptions): Promise<StepClaim | undefined> {
    const { host } = this.#deps;
    const path = lockPath(host, `step-${hexOf(digestOf(key))}`);
    const free = tryLock(host.syscalls, path);
    if (free === undefined) {
      // Each claim makes the file anew.
      const begun = statSync(path, { throwIfNoEntry: false })?.mtime;
      if (since !== undefined && begun !== undefined && begun < since) return undefined;
      waits();
    }
    const held = free ?? (await lock(host.syscalls, path, { signal }));
    let isKept = false;
    return {
      keep: () => {
        isKept = true;
        this.#held.push(held);
        this.#timer ??= setTimeout(() => this.#startSaving(), gatherFor);
      },
      [Symbol.dispose]: () => {
        if (!isKept) release(held);
      },
    };
  }

  get #due(): readonly BuildRecord[] {
    return this.all.filter(({ key }) => !this.#saved.has(key));
  }

  async #save(due: readonly BuildRecord[]): Promise<void> {
    const held = this.#held;
    this.#held = [];
    try {
      await this.#deps.snapshotter.flush();
      await this.#deps.cache.save(due, { durable: this.#anyNew });
      for (const { key } of due) this.#saved.add(key);
    } finally {
      held.forEach(release);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#saving;
    clearTimeout(this.#timer);
    await this.#save(this.#due);
  }

  #startSaving(): void {
    // What an imported cache has may come to the store later.
    const here = this.#due.filter(({ chainID }) => this.#deps.snapshotter.find(chainID) !== undefined);
    this.#saving = this.#save(here)
      .catch(() => {
        // The one at the end does it again, and tells.
      })
      .finally(() => {
        this.#timer = undefined;
        if (this.#held.length > 0) this.#timer = setTimeout(() => this.#startSaving(), gatherFor);
      });
  }
}

/** Deleted first: who waits for it sees that, and makes another. */
function release(held: Lock): void {
  using _held = held;
  rmSync(held.path, { force: true });
}
