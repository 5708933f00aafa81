import { statfsSync } from "node:fs";
import type { PathLike } from "./syscalls.ts";

/** Bytes that may still be written to the file system of a directory, without what it keeps for root. */
export function freeBytes(directory: PathLike): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
