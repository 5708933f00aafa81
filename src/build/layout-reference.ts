import { resolve } from "node:path";
import { type Digest, isDigest } from "../oci/digest.ts";

/** What a context out of an OCI layout begins with. */
export const layoutPrefix = "oci-layout://";

/** An image of an OCI layout: `oci-layout://PATH[:TAG][@DIGEST]`. */
export interface LayoutReference {
  readonly directory: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** Read where an image of a layout is, as buildx does: without a tag and a digest it is `latest`. */
export function parseLayout(text: string): LayoutReference {
  let path = text.slice(layoutPrefix.length);
  const [, before, digest] = /^(.*)@(sha256:[0-9a-f]{64})$/s.exec(path) ?? [];
  if (before !== undefined) path = before;
  const [, directory = path, tag] = /^(.*):(\w[\w.-]{0,127})$/s.exec(path) ?? [];
  const known = digest !== undefined && isDigest(digest) ? digest : undefined;
  return { directory: resolve(directory), tag: tag ?? (known === undefined ? "latest" : undefined), digest: known };
}
