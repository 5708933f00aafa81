import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Operation } from "../base/operation.ts";
import type { Host } from "../host/host.ts";
import { lock, lockPath } from "../host/lock.ts";
import type { ImageDeps } from "../image/images.ts";
import type { Database } from "../metadata/database.ts";
import type { Networks } from "../network/networks.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Volumes } from "../volume/volumes.ts";
import type { ComingImage } from "./container.ts";
import type { Records } from "./records.ts";

/** What the container room works with. */
export interface ContainerDeps extends ImageDeps, Records {
  readonly host: Host;
  readonly db: Database;
  readonly state: Database;
  readonly runtime: Runtime;
  readonly networks: Networks;
  readonly volumes: Volumes;
  /** Bring in an image, by its name with a digest: for a container that was made before it was here as a whole. */
  readonly pullWhole: (image: ComingImage, operation: Operation) => Promise<void>;
  /** What conmon runs when container `id` has ended. */
  readonly exitCommand: (id: string) => readonly [string, ...string[]];
}

/** The container's bundle: gone when it isn't running. */
export function bundlePath(deps: { readonly host: Host }, id: string): string {
  return join(deps.host.runRoot, "containers", id);
}

/** Where exit codes are left, one file per container. */
export function exitDirectory(deps: { readonly host: Host }): string {
  return join(deps.host.runRoot, "exits");
}

/**
 * One command at a time changes a container's state: one upper directory, one mount. Its lock goes with its record: whoever has waited for
 * it while the container was removed leaves none behind.
 */
export async function lockContainer(
  deps: { readonly host: Host; readonly db: Database },
  id: string,
): Promise<Disposable> {
  const held = await lock(deps.host.syscalls, lockPath(deps.host, id));
  return {
    [Symbol.dispose]() {
      if (!isRecorded(deps.db, id)) rmSync(held.path, { force: true });
      held[Symbol.dispose]();
    },
  };
}

/** Whether there is a container of this whole ID. */
export function isRecorded(db: Database, id: string): boolean {
  return db.get("SELECT 1 FROM container WHERE id = ?", id) !== undefined;
}

/** Held by those who wait for a container and will clean up after it: the exit command need not start then. */
export function attendancePath(deps: { readonly host: Host }, id: string): string {
  return join(deps.host.runRoot, "attended", id);
}
