import { closeSync, openSync } from "node:fs";
import type { PathLike, Syscalls } from "./syscalls.ts";

/**
 * Give each directory that will be made in the directory at `path` a place of its own on the disk. Where many files come and
 * go in one place, ext4 without a journal searches long for every new one: it gives no inode away again for minutes after a
 * file was deleted, and looks at each of those first. Nothing happens on file systems that know no places.
 */
export function spread(syscalls: Pick<Syscalls, "spread">, path: PathLike): void {
  const fd = openSync(path, "r");
  try {
    syscalls.spread(fd);
  } finally {
    closeSync(fd);
  }
}
