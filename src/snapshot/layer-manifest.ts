import { type ManifestEntry, observe, openManifest } from "../archive/manifest.ts";
import { codeOf, isKind } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type LayerRecord, manifestPath } from "./layer-records.ts";

/**
 * What a layer's directory holds, as it was written down, to be gone through as often as needed; undefined where that is missing
 * or damaged.
 */
export async function writtenManifest(layer: LayerRecord): Promise<Iterable<ManifestEntry> | undefined> {
  try {
    const manifest = await openManifest(manifestPath(layer.path));
    // A damaged line shows when it is read.
    for (const _ of manifest);
    return manifest;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || isKind(error, "data-loss")) return undefined;
    throw error;
  }
}

/** What a layer's directory holds. Where it isn't written down any more the directory is looked at; no file is read. */
export async function layerManifest(syscalls: Syscalls, layer: LayerRecord): Promise<Iterable<ManifestEntry>> {
  return (await writtenManifest(layer)) ?? (await Array.fromAsync(observe(layer.path, { syscalls, sum: () => 0 })));
}
