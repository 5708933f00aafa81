import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../host/host.ts";
import type { Syscalls } from "../host/syscalls.ts";

/** Where snapshots lie, absolute. */
export interface StorePaths {
  /** One directory of differences for each layer, named by a number. */
  readonly layers: string;
  /** One directory for each active snapshot, named by its key. */
  readonly active: string;
  /** Files that processes need for a while. */
  readonly scratch: string;
  /** One directory for each living process. */
  readonly leases: string;
}

/** The places below a store's root; made when they aren't there. */
export function storePaths({ root, syscalls }: Pick<Host, "root" | "syscalls">): StorePaths {
  const paths = {
    layers: join(root, "layers"),
    active: join(root, "active"),
    scratch: join(root, "tmp"),
    leases: join(root, "leases"),
  };
  for (const path of Object.values(paths)) {
    const made = mkdirSync(path, { recursive: true, mode: 0o711 }) !== undefined;
    if (made && path === paths.active) spread(syscalls, path);
  }
  return paths;
}

/**
 * Each snapshot gets a place of its own on the disk. Where they lie together, ext4 searches long for every new file:
 * it gives no inode away again for minutes after a file was deleted, and looks at each of those first.
 */
function spread(syscalls: Syscalls, path: string): void {
  const fd = openSync(path, "r");
  try {
    syscalls.spread(fd);
  } finally {
    closeSync(fd);
  }
}
