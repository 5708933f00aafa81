import { type ManifestEntry, observe, readManifest } from "../archive/manifest.ts";
import { codeOf, isKind } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type LayerRecord, manifestPath } from "./layer-records.ts";

/** What a layer's directory holds, as it was written down; undefined where that is missing or damaged. */
export async function writtenManifest(layer: LayerRecord): Promise<readonly ManifestEntry[] | undefined> {
  try {
    return await readManifest(manifestPath(layer.path));
  } catch (error) {
    if (codeOf(error) === "ENOENT" || isKind(error, "data-loss")) return undefined;
    throw error;
  }
}

/** What a layer's directory holds. Where it isn't written down any more the directory is looked at; no file is read. */
export async function layerManifest(syscalls: Syscalls, layer: LayerRecord): Promise<readonly ManifestEntry[]> {
  return (await writtenManifest(layer)) ?? (await Array.fromAsync(observe(layer.path, { syscalls, sum: () => 0 })));
}
