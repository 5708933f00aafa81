import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { Operation } from "../base/operation.ts";
import { digestOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { Repository } from "./repository.ts";

/**
 * A blob that is held in memory as a whole, checked.
 *
 * @param what it is, for errors: `image config`
 * @throws {BerthError} as `Repository.blob`; invalid-argument, when it has more than `limits.json` bytes; data-loss, when its bytes
 *   have another digest
 */
export async function readSmallBlob(
  repository: Pick<Repository, "blob"> & Partial<Pick<Repository, "distrust">>,
  blob: Descriptor,
  { what, ...operation }: Operation & { readonly what: string },
): Promise<Buffer> {
  const { digest, size } = blob;
  if (size > limits.json) {
    throw new BerthError("invalid-argument", `${what} ${digest} has ${size} bytes, more than ${limits.json}`);
  }
  do {
    const bytes = Buffer.concat(await Array.fromAsync(repository.blob(blob, operation)));
    if (digestOf(bytes) === digest) return bytes;
  } while (repository.distrust?.(digest) === true);
  throw new BerthError("data-loss", `${what} verification failed for digest ${digest}`);
}
