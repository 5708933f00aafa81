import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../host/host.ts";
import { spread } from "../host/spread.ts";

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
    // Each snapshot gets a place of its own on the disk.
    if (made && path === paths.active) spread(syscalls, path);
  }
  return paths;
}
