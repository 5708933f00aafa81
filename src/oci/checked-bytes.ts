import { createHash } from "node:crypto";
import type { Digest } from "./digest.ts";

/** The same bytes, as they come. At the end `failure` is thrown where they haven't the digest, but `found`. */
export async function* checkedBytes(
  bytes: AsyncIterable<Uint8Array>,
  digest: Digest,
  failure: (digest: Digest, found: string) => Error,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  const found = `sha256:${hash.digest("hex")}`;
  if (found !== digest) throw failure(digest, found);
}
