import type { Sql } from "../metadata/database.ts";
import type { ImageDeps } from "./images.ts";
import { indexBlobs } from "./index-records.ts";

/** The blobs that something has: configs of images, and what is kept for indexes. */
export function ownedBlobs(sql: Sql): ReadonlySet<string> {
  const configs = sql.all<{ id: string }>("SELECT id FROM image").map(({ id }) => id);
  return new Set([...configs, ...indexBlobs(sql).map(({ digest }) => digest)]);
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
