import type { TreeEntry } from "../../snapshot/merged-tree.ts";
import type { SourceTree } from "../source-tree.ts";

/** Most time that the kernel's stamp of a change lies behind the clock: one tick. Milliseconds. */
const tick = 10;

/** A tree that notes whether what was seen of it has changed since a time, directories that were listed too. */
export class StillTree implements SourceTree {
  readonly #tree: SourceTree;
  readonly #since: number;
  /** Nothing that was seen has changed. */
  isStill = true;

  /** @param since milliseconds since the epoch */
  constructor(tree: SourceTree, since: number) {
    this.#tree = tree;
    this.#since = since - tick;
  }

  lstat(path: string): TreeEntry | undefined {
    const entry = this.#tree.lstat(path);
    return entry && this.#seen(entry);
  }

  resolve(path: string): string {
    return this.#tree.resolve(path);
  }

  *entries(path: string): Generator<TreeEntry> {
    this.lstat(path);
    for (const entry of this.#tree.entries(path)) yield this.#seen(entry);
  }

  #seen(entry: TreeEntry): TreeEntry {
    if (Number(entry.stats.ctimeMs) >= this.#since) this.isStill = false;
    return entry;
  }
}
