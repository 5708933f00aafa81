import type { BigIntStats, Stats } from "node:fs";

/** What kind of file something on disk is. */
export type FileKind = "file" | "dir" | "symlink" | "char" | "block" | "fifo" | "socket";

/** The kind that a file's mode says it has. */
export function kindOf(stats: Stats | BigIntStats): FileKind {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "dir";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isCharacterDevice()) return "char";
  if (stats.isBlockDevice()) return "block";
  return stats.isFIFO() ? "fifo" : "socket";
}
