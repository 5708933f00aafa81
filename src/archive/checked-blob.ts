import { BerthError } from "../base/errors.ts";
import { checkedBytes } from "../oci/checked-bytes.ts";
import type { Digest } from "../oci/digest.ts";

/** A file that is said to have a digest. */
export interface NamedBlob {
  /** What errors call it. */
  readonly name: string;
  readonly digest: Digest;
}

/** The bytes of a blob as they come. @throws {BerthError} invalid-argument, at the end, when their digest is another */
export function checkedBlob(source: AsyncIterable<Uint8Array>, blob: NamedBlob): AsyncGenerator<Uint8Array> {
  return checkedBytes(source, blob.digest, (_digest, found) => wrongDigest(blob, found));
}

/** The error of bytes that are not what they are said to be. */
export function wrongDigest({ name, digest }: NamedBlob, found: string): BerthError {
  return new BerthError("invalid-argument", `invalid archive: ${name} has the digest ${found}, expected ${digest}`);
}
