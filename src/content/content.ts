import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import type { Host } from "../host/host.ts";
import { makeDirectoryDurably, writeFileDurably } from "../host/write-file.ts";
import { type Digest, digestOf, hexOf, isDigest } from "../oci/digest.ts";

/** Blobs by digest, one file each below `<root>/blobs/sha256`. A blob is visible only when it is whole, on disk and verified. */
export interface ContentStore {
  has(digest: Digest): boolean;
  /**
   * The bytes of a blob.
   *
   * @param limit the most bytes that the caller is ready to hold
   * @throws {BerthError} not-found; data-loss, when the bytes no longer have that digest; invalid-argument, over `limit`
   */
  readAll(digest: Digest, limit: number): Buffer;
  /** Store bytes. Idempotent: nothing is written when the blob is there. */
  put(bytes: Uint8Array): Promise<Digest>;
  /** Delete a blob; nothing when it isn't there. */
  delete(digest: Digest): void;
  /** Every blob with its size in bytes. */
  list(): readonly { readonly digest: Digest; readonly size: number }[];
}

/** Open the blobs of a store. */
export function openContent(host: Pick<Host, "root">): ContentStore {
  const directory = join(host.root, "blobs", "sha256");
  const pathOf = (digest: Digest): string => join(directory, hexOf(digest));
  return {
    has: (digest) => statSync(pathOf(digest), { throwIfNoEntry: false }) !== undefined,
    readAll: (digest, limit) => readVerified(pathOf(digest), digest, limit),
    put: async (bytes) => {
      const digest = digestOf(bytes);
      if (statSync(pathOf(digest), { throwIfNoEntry: false })?.size === bytes.length) return digest;
      await makeDirectoryDurably(directory);
      await writeFileDurably(pathOf(digest), bytes);
      return digest;
    },
    delete: (digest) => rmSync(pathOf(digest), { force: true }),
    list: () => listBlobs(directory),
  };
}

function readVerified(path: string, digest: Digest, limit: number): Buffer {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new BerthError("not-found", `content ${digest}: not found`);
  if (size > limit) throw new BerthError("invalid-argument", `content ${digest} has ${size} bytes, more than ${limit}`);
  const bytes = readFileSync(path);
  if (digestOf(bytes) !== digest) throw new BerthError("data-loss", `content ${digest} is damaged`);
  return bytes;
}

function listBlobs(directory: string): readonly { digest: Digest; size: number }[] {
  try {
    return readdirSync(directory).flatMap((name) => {
      const digest = `sha256:${name}`;
      return isDigest(digest) ? [{ digest, size: statSync(join(directory, name)).size }] : [];
    });
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
