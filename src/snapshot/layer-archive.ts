import { createHash } from "node:crypto";
import { layerTar, manifestTar } from "../archive/layer-tar.ts";
import { type ManifestEntry, openManifest } from "../archive/manifest.ts";
import { restoreArchive } from "../archive/recipe.ts";
import type { BatchOptions } from "../archive/tar-parts.ts";
import { BerthError, codeOf, isKind, messageOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type LayerRecord, manifestPath, recipePath } from "./layer-records.ts";

/** How {@link layerArchive} reads a layer. */
export interface ArchiveOptions extends Operation, BatchOptions {
  /** By what its directory holds now, not by what is written down of it: to find out whether that is the same. */
  readonly observed?: boolean;
}

/**
 * The archive of a layer, byte for byte, in bounded memory: what the diffID is the digest of.
 *
 * @throws {BerthError} data-loss, naming the layer, when its files or its recipe are not what they were; told at the end at the latest
 */
export async function* layerArchive(
  syscalls: Syscalls,
  layer: LayerRecord,
  options: ArchiveOptions = {},
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  try {
    for await (const batch of await written(syscalls, layer, options)) {
      options.signal?.throwIfAborted();
      hash.update(batch);
      yield batch;
    }
  } catch (error) {
    if (isLoss(error)) throw damaged(layer, messageOf(error), error);
    throw error;
  }
  const found = `sha256:${hash.digest("hex")}`;
  if (found !== layer.diffID) throw damaged(layer, `its archive has the digest ${found}`);
}

/** Length of a layer's archive, bytes. It is recorded, but for layers of older stores. */
export async function archiveLength(
  archive: (layer: LayerRecord) => AsyncIterable<Uint8Array>,
  layer: LayerRecord,
): Promise<number> {
  if (layer.bytes !== undefined) return layer.bytes;
  let bytes = 0;
  for await (const batch of archive(layer)) bytes += batch.length;
  return bytes;
}

async function written(
  syscalls: Syscalls,
  layer: LayerRecord,
  { observed = false, ...options }: ArchiveOptions,
): Promise<AsyncIterable<Buffer>> {
  const { path, writer } = layer;
  if (writer === "recipe") return restoreArchive(recipePath(path), path, options);
  const how = { ...options, syscalls, writer };
  const manifest = observed ? undefined : await entriesOf(layer);
  return manifest === undefined ? layerTar(path, how) : manifestTar(path, manifest, how);
}

/** Undefined where they aren't written down. */
async function entriesOf({ path }: LayerRecord): Promise<Iterable<ManifestEntry> | undefined> {
  try {
    return await openManifest(manifestPath(path));
  } catch (error) {
    if (codeOf(error) === "ENOENT" || isKind(error, "data-loss")) return undefined;
    throw error;
  }
}

/** A file that is gone, or another kind of file in its place, is a loss too: nobody else changes layers. */
function isLoss(error: unknown): boolean {
  if (error instanceof BerthError) return error.kind === "data-loss" || error.kind === "invalid-argument";
  return ["ENOENT", "ENOTDIR", "ELOOP", "EISDIR", "ESPIPE"].includes(codeOf(error) ?? "");
}

function damaged(layer: LayerRecord, why: string, cause?: unknown): BerthError {
  return new BerthError("data-loss", `layer ${layer.diffID} is damaged: ${why}`, {
    hint: "Its files were changed behind berth's back. `berth system check --repair` mends what it can; otherwise remove the images that have it, and load, pull or build them again.",
    cause,
  });
}
