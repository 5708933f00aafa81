import type { Stats } from "node:fs";

/** What kind of file an entry is. */
export type EntryKind = "file" | "dir" | "symlink" | "char" | "block" | "fifo" | "socket";

/** One file of a merged tree. */
export interface TreeEntry {
  /** Absolute inside the root. */
  readonly path: string;
  /** Where the file lies on this machine. */
  readonly source: string;
  readonly kind: EntryKind;
  readonly stats: Stats;
}

/** Layers seen as one file system, whiteouts applied, read without a mount. No path leads out of it. */
export interface MergedTree {
  /** The entry at `path`, a symlink in the last place not followed; undefined when nothing is there. */
  lstat(path: string): TreeEntry | undefined;
  /** The entry at `path`, every symlink followed inside the root; undefined when nothing is there. */
  stat(path: string): TreeEntry | undefined;
  /** `path` with every symlink resolved inside the root; what doesn't exist is kept as written. */
  resolve(path: string): string;
  /** Names in a directory, sorted; empty when it is none. */
  readdir(path: string): readonly string[];
  /** The bytes of a regular file, links followed. @throws {BerthError} not-found; invalid-argument, over `limit` bytes */
  readFile(path: string, limit: number): Buffer;
}
