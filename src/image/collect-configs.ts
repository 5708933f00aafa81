import type { ImageDeps } from "./images.ts";

/** Delete the configs that no image has and no living process holds: of images that were removed, or never recorded. */
export async function collectConfigs({ db, content, snapshotter }: Omit<ImageDeps, "host">): Promise<void> {
  const found = content.list();
  await db.write((sql) => {
    const isHeld = snapshotter.isHeldBlob();
    const recorded = new Set(sql.all<{ id: string }>("SELECT id FROM image").map(({ id }) => id));
    for (const { digest } of found) if (!recorded.has(digest) && !isHeld(digest)) content.delete(digest);
  });
}
