import { shortID } from "../base/ids.ts";
import type { Garbage } from "../base/problem.ts";
import { collectBlobs, ownedBlobs } from "./collect-blobs.ts";
import type { ImageDeps } from "./images.ts";

/** Blobs that nothing has and that nobody is about to record, and files that were never finished. */
export async function imageGarbage(deps: Omit<ImageDeps, "host">): Promise<readonly Garbage[]> {
  const { content, db, snapshotter } = deps;
  const blobs = content.list();
  const unowned = await db.write((sql) => {
    const isHeld = snapshotter.isHeldBlob();
    const owned = ownedBlobs(sql);
    return blobs.filter(({ digest }) => !isHeld(digest) && !owned.has(digest));
  });
  return [
    ...unowned.map(({ digest }) => ({ what: `blob ${shortID(digest)}`, remove: () => collectBlobs(deps) })),
    ...content.strays().map((name) => ({
      what: `blobs/sha256/${name}`,
      remove: async () => content.deleteStray(name),
    })),
  ];
}
