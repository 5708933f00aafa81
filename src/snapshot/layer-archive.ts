import { createHash } from "node:crypto";
import { layerTar } from "../archive/layer-tar.ts";
import { restoreArchive } from "../archive/recipe.ts";
import { BerthError, codeOf, messageOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type LayerRecord, recipePath } from "./layer-records.ts";

/**
 * The archive of a layer, byte for byte, in bounded memory: what the diffID is the digest of.
 *
 * @throws {BerthError} data-loss, naming the layer, when its files or its recipe are not what they were; told at the end at the latest
 */
export async function* layerArchive(
  syscalls: Syscalls,
  layer: LayerRecord,
  operation: Operation = {},
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  try {
    for await (const batch of written(syscalls, layer, operation)) {
      operation.signal?.throwIfAborted();
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

function written(syscalls: Syscalls, layer: LayerRecord, operation: Operation): AsyncIterable<Buffer> {
  const { path, writer } = layer;
  if (writer === "recipe") return restoreArchive(recipePath(path), path);
  return layerTar(path, { ...operation, syscalls, writer });
}

/** A file that is gone, or another kind of file in its place, is a loss too: nobody else changes layers. */
function isLoss(error: unknown): boolean {
  if (error instanceof BerthError) return error.kind === "data-loss" || error.kind === "invalid-argument";
  return ["ENOENT", "ENOTDIR", "ELOOP", "EISDIR"].includes(codeOf(error) ?? "");
}

function damaged(layer: LayerRecord, why: string, cause?: unknown): BerthError {
  return new BerthError("data-loss", `layer ${layer.diffID} is damaged: ${why}`, {
    hint: "Its files were changed behind berth's back. Remove the images that have it, and load, pull or build them again.",
    cause,
  });
}
