import type { Sql } from "../metadata/database.ts";
import { cachedBlobs } from "./cache-records.ts";
import type { ImageDeps } from "./images.ts";
import { indexBlobs } from "./index-records.ts";
import { manifestBlobs } from "./manifest-records.ts";

/** The blobs that something has: configs of images, what is kept for indexes and manifests, and what passed through the cache. */
export function ownedBlobs(sql: Sql): ReadonlySet<string> {
  const configs = sql.all<{ id: string }>("SELECT id FROM image").map(({ id }) => id);
  return new Set([
    ...configs,
    ...[...indexBlobs(sql), ...manifestBlobs(sql), ...cachedBlobs(sql)].map(({ digest }) => digest),
  ]);
}

/** Bytes of the blobs that are kept for images as they came, each once. */
export function sizeOfKept(sql: Sql): number {
  return sizeOfBlobs([...indexBlobs(sql), ...manifestBlobs(sql)]);
}

/** Bytes of blobs, each once. */
export function sizeOfBlobs(blobs: readonly { readonly digest: string; readonly size: number }[]): number {
  const sizes = new Map(blobs.map(({ digest, size }) => [digest, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** Delete the blobs that nothing has and no living process holds: of images that were removed, or never recorded. */
export async function collectBlobs({ db, content, snapshotter }: Omit<ImageDeps, "host">): Promise<void> {
  const found = content.list();
  await db.write((sql) => {
    const isHeld = snapshotter.isHeldBlob();
    const owned = ownedBlobs(sql);
    for (const { digest } of found) if (!owned.has(digest) && !isHeld(digest)) content.delete(digest);
  });
}
