import type { ContentStore } from "../content/content.ts";
import type { Digest } from "../oci/digest.ts";

/** What is said of content that isn't what its name says. */
export const otherDigest = "its content has another digest";

/** What is wrong with a blob; undefined when nothing is. @param length as of `ContentStore.verify` */
export function wrongBlob(content: ContentStore, digest: Digest, length?: number): string | undefined {
  const state = content.verify(digest, length);
  if (state === "whole") return undefined;
  return state === "missing" ? "it is missing" : otherDigest;
}
