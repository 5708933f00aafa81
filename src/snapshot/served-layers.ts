import { readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import type { Host } from "../host/host.ts";
import { isAlive } from "../host/process.ts";
import { type ChainID, type Digest, hexOf } from "../oci/digest.ts";

/**
 * Layers that a process serves as a file system before they are here. It is mounted in that process's mount namespace alone: from
 * there the process's `/proc/PID/root` leads to it for whoever reads, and whoever mounts an overlay on it enters the namespace.
 */
export interface ServedLayers {
  /** The process, and when it started: see `host/process.ts`. */
  readonly pid: number;
  readonly startTime: string;
  /** The topmost of them. */
  readonly chainID: ChainID;
  /** What they lie on, which is here; undefined where nothing is. */
  readonly below: ChainID | undefined;
  /** Their directories, absolute, as the process sees them; the topmost first. */
  readonly paths: readonly string[];
  /** The image that they are of. */
  readonly imageID: Digest;
  /** Its name with its digest: what is pulled where the process is gone. */
  readonly name: string;
  /** The same with its tag: the name that the user gave. */
  readonly reference: string;
}

/** Where a process says what it serves: a directory that it locks, for as long as it lives, by the image's topmost chain. */
export function servedDirectory({ runRoot }: Pick<Host, "runRoot">, chainID: ChainID): string {
  return join(runRoot, "lazy", hexOf(chainID).slice(0, 16));
}

/** The file in that directory that says it. */
export const servedFile = "state.json";

/**
 * Beside it: whoever is about to mount what is served holds a lock on this file, shared, and the process ends after that. It was
 * modified when somebody was last told of what is served.
 */
export const usedFile = "used";

/** The layers of a chain that a living process serves. */
export function servedLayers(host: Pick<Host, "runRoot">, chainID: ChainID): ServedLayers | undefined {
  let text: string;
  try {
    text = readFileSync(join(servedDirectory(host, chainID), servedFile), "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  // Written under another name and renamed, by berth itself.
  const served = JSON.parse(text) as ServedLayers;
  return served.chainID === chainID && isAlive(served.pid, served.startTime) ? served : undefined;
}

/** The directories of served layers as any process of this machine can read them. */
export function readablePaths({ pid, paths }: Pick<ServedLayers, "pid" | "paths">): readonly string[] {
  return paths.map((path) => `/proc/${pid}/root${path}`);
}

/** A directory as it is called in the namespace that it is mounted in: what {@link readablePaths} makes of it, undone. */
export function mountablePath(path: string): string {
  return path.replace(/^\/proc\/\d+\/root\//, "/");
}
