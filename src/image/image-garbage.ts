import { shortID } from "../base/ids.ts";
import type { Garbage } from "../base/problem.ts";
import { collectConfigs } from "./collect-configs.ts";
import type { ImageDeps } from "./images.ts";

/** Blobs that are no image's config and that nobody is about to record, and files that were never finished. */
export async function imageGarbage(deps: Omit<ImageDeps, "host">): Promise<readonly Garbage[]> {
  const { content, db, snapshotter } = deps;
  const blobs = content.list();
  const unowned = await db.write((sql) => {
    const isHeld = snapshotter.isHeldBlob();
    const isOwned = (id: string): boolean => sql.get("SELECT 1 FROM image WHERE id = ?", id) !== undefined;
    return blobs.filter(({ digest }) => !isHeld(digest) && !isOwned(digest));
  });
  return [
    ...unowned.map(({ digest }) => ({ what: `blob ${shortID(digest)}`, remove: () => collectConfigs(deps) })),
    ...content.strays().map((name) => ({
      what: `blobs/sha256/${name}`,
      remove: async () => content.deleteStray(name),
    })),
  ];
}
