import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { limits } from "../base/limits.ts";
import { indexName } from "../image/layout-images.ts";
import { blobName } from "../image/layout-json.ts";
import { hexOf } from "../oci/digest.ts";
import { blobsIn, type Descriptor, entriesOf, jsonIn } from "../oci/image-index.ts";

/** Delete the blobs of a layout that nothing leads to from its list. Nobody else may write there meanwhile. */
export function deleteUnreferenced(path: string): void {
  const kept = new Set<string>();
  const keep = (descriptors: readonly Descriptor[], depth: number): void => {
    for (const descriptor of descriptors) {
      const name = hexOf(descriptor.digest);
      if (kept.has(name)) continue;
      kept.add(name);
      const value = depth === 0 ? undefined : smallFile(join(path, blobName(descriptor.digest)));
      if (value !== undefined) keep([...(entriesOf(jsonIn(value)) ?? []), ...blobsIn(value)], depth - 1);
    }
  };
  const list = smallFile(join(path, indexName));
  // Where it can't be read, nothing is known of what is needed.
  const entries = list === undefined ? undefined : entriesOf(jsonIn(list));
  if (entries === undefined) return;
  keep(entries, limits.indexDepth);
  const blobs = join(path, "blobs", "sha256");
  for (const name of readdirSync(blobs)) if (!kept.has(name)) rmSync(join(blobs, name));
}

/** A file that may be JSON: one that is larger is no manifest. */
function smallFile(path: string): Buffer | undefined {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  return size === undefined || size > limits.json ? undefined : readFileSync(path);
}
