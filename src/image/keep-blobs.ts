import { createHash } from "node:crypto";
import { decompress } from "../archive/decompress.ts";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { DiffID, Digest } from "../oci/digest.ts";
import type { ArchiveFiles } from "./archive-files.ts";
import { sizeOf } from "./archive-json.ts";
import type { Blob } from "./archived-image.ts";
import type { ImageDeps } from "./images.ts";
import { packedLayer } from "./manifest-records.ts";

/** What blobs are kept with. */
export interface KeepDeps extends Pick<ImageDeps, "db" | "content" | "snapshotter"> {
  readonly files: ArchiveFiles;
  /** Holds them until their record is there. */
  readonly held: AsyncDisposableStack;
}

/**
 * Store blobs as they are in an archive, each once.
 *
 * @returns them
 * @throws {BerthError} invalid-argument, when one isn't there, or has another size or digest
 */
export async function keepBlobs(
  { content, snapshotter, files, held }: KeepDeps,
  all: readonly Required<Blob>[],
  { signal }: Operation,
): Promise<readonly Required<Blob>[]> {
  const blobs = [...new Map(all.map((blob) => [blob.digest, blob])).values()];
  for (const blob of blobs) {
    await sizeOf(files, blob);
    held.use(await snapshotter.holdBlob(blob.digest));
    signal?.throwIfAborted();
    await content.store(blob.digest, () => files.open(blob.name));
  }
  return blobs;
}

/** A blob that is a layer's archive, compressed. */
export interface LayerBlob {
  readonly digest: Digest;
  readonly diffID: DiffID;
}

/**
 * Make sure that a blob in the store is the archive of a layer that was here before it, and so wasn't unpacked from it.
 *
 * @throws {BerthError} invalid-argument, when it isn't
 */
export async function verifyLayer(
  { db, content }: Pick<ImageDeps, "db" | "content">,
  { digest, diffID }: LayerBlob,
  { signal }: Operation,
): Promise<void> {
  if (db.read((sql) => packedLayer(sql, digest))?.diffID === diffID) return;
  const hash = createHash("sha256");
  for await (const chunk of decompress(content.read(digest))) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  const found: string = `sha256:${hash.digest("hex")}`;
  if (found === diffID) return;
  throw new BerthError("invalid-argument", `invalid diffID for ${digest}: expected "${diffID}", got "${found}"`);
}
