import type { CheckOptions, Problem } from "../base/problem.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { cachedBlobs, cachedManifests, dropCached } from "./cache-records.ts";
import { collectBlobs } from "./collect-blobs.ts";
import type { ImageDeps } from "./images.ts";
import { otherDigest, wrongBlob } from "./wrong-blob.ts";

/** Check what the pull-through cache keeps: manifests and blobs have their digests. What is damaged is forgotten, and comes anew when it is asked for. */
export async function* checkCache(deps: ImageDeps, { quick, signal, looked }: CheckOptions): AsyncGenerator<Problem> {
  const problem = (digest: Digest, what: string): Problem => ({
    invariant: "K1",
    what,
    advice: "`berth cache prune` forgets everything that the cache keeps.",
    mend: () => forget(deps, digest),
  });
  const manifests = deps.db.read(cachedManifests);
  for (const { digest, bytes } of manifests) {
    signal?.throwIfAborted();
    if (digestOf(bytes) !== digest) yield problem(digest, `manifest ${digest} of the cache: ${otherDigest}`);
  }
  const blobs = deps.db.read(cachedBlobs);
  for (const { digest, size } of blobs) {
    signal?.throwIfAborted();
    const wrong = wrongBlob(deps.content, digest, quick ? size : undefined);
    if (wrong !== undefined) yield problem(digest, `blob ${digest} of the cache: ${wrong}`);
  }
  looked("cached contents", manifests.length + blobs.length);
}

async function forget(deps: ImageDeps, digest: Digest): Promise<boolean> {
  await deps.db.write((sql) => dropCached(sql, digest));
  await collectBlobs(deps);
  return true;
}
