import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { type Digest, digestOf, parseDigest } from "../oci/digest.ts";
import type { Upload } from "../registry/repository.ts";

/** A file that was written, and what is in it. */
export interface NewFile {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

/**
 * Write the bytes of a blob to a file, which mustn't be there. What isn't the blob leaves no file.
 *
 * @throws {BerthError} data-loss, when they have another digest or size than they should
 */
export async function writeNewFile(path: string, blob: Upload, { signal }: Operation): Promise<NewFile> {
  try {
    await using file = await open(path, "wx");
    const found = await passed(blob, { signal }, async (chunk) => {
      for (let done = 0; done < chunk.length; ) done += (await file.write(chunk, done)).bytesWritten;
    });
    return found;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** Pass the bytes of a blob on, and check them. @throws as {@link writeNewFile} */
export async function passed(
  { digest, size, body }: Upload,
  { signal }: { readonly signal: AbortSignal | undefined },
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<NewFile> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of body().bytes) {
    signal?.throwIfAborted();
    hash.update(chunk);
    length += chunk.length;
    if (size !== undefined && length > size) break;
    await take(chunk);
  }
  if (size !== undefined && length !== size) {
    throw new BerthError("data-loss", `blob ${digest} has ${length > size ? "more" : "fewer"} than its ${size} bytes`);
  }
  const found = parseDigest(`sha256:${hash.digest("hex")}`);
  if (digest === undefined || found === digest) return { digest: found, size: length };
  throw new BerthError("data-loss", `the bytes of ${digest} have the digest ${found}`);
}

/** Bytes as a blob. */
export function uploadOf(bytes: Uint8Array): Upload {
  const digest = digestOf(bytes);
  return {
    digest,
    size: bytes.length,
    body: () => ({ bytes: Readable.from([bytes]), digest: () => digest }),
  };
}
