import { rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { namesIn } from "../host/held-dir.ts";
import { tryLock } from "../host/lock.ts";
import { digestOf, isDigest } from "../oci/digest.ts";
import { downloadPath } from "./download.ts";
import type { ImageDeps } from "./images.ts";

/** Bytes that pulls have downloaded and not recorded: the next pull goes on with them. */
export function sizeOfDownloads({ host }: Pick<ImageDeps, "host">): number {
  const directory = dirname(downloadPath(host, digestOf("")));
  const sizeOf = (name: string): number => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
  return namesIn(directory).reduce((sum, name) => sum + sizeOf(name), 0);
}

/** Delete what pulls have downloaded and not recorded, unless a living process writes or needs it. @returns bytes that were freed */
export async function pruneDownloads({ host, db, snapshotter }: ImageDeps): Promise<number> {
  const directory = dirname(downloadPath(host, digestOf("")));
  const found = namesIn(directory);
  if (found.length === 0) return 0;
  return await db.write(() => {
    const isHeld = snapshotter.isHeldBlob();
    let bytes = 0;
    for (const name of found) {
      const digest = `sha256:${name}`;
      if (isDigest(digest) && isHeld(digest)) continue;
      using taken = tryLock(host.syscalls, join(directory, name), { create: false });
      if (taken === undefined) continue;
      bytes += statSync(taken.path).size;
      rmSync(taken.path, { force: true });
    }
    return bytes;
  });
}
