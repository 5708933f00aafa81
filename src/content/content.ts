import { readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { BerthError } from "../base/errors.ts";
import { namesIn } from "../host/held-dir.ts";
import type { Host } from "../host/host.ts";
import { tryLock } from "../host/lock.ts";
import type { Syscalls } from "../host/syscalls.ts";
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
  /** Whether a blob is there and has its digest. @param length how long it is known to be; its bytes aren't read then */
  verify(digest: Digest, length?: number): "whole" | "damaged" | "missing";
  /** Names of files that are no blobs: what a process that was killed has left. */
  strays(): readonly string[];
  /** Delete one of {@link ContentStore.strays}, unless its process lives. */
  deleteStray(name: string): void;
  /** Every blob with its size in bytes. */
  list(): readonly { readonly digest: Digest; readonly size: number }[];
}

/** Open the blobs of a store. */
export function openContent(host: Pick<Host, "root" | "syscalls">): ContentStore {
  const directory = join(host.root, "blobs", "sha256");
  const pathOf = (digest: Digest): string => join(directory, hexOf(digest));
  return {
    has: (digest) => statSync(pathOf(digest), { throwIfNoEntry: false }) !== undefined,
    readAll: (digest, limit) => readVerified(pathOf(digest), digest, limit),
    put: async (bytes) => {
      const digest = digestOf(bytes);
      if (verify(pathOf(digest), digest, undefined) === "whole") return digest;
      await makeDirectoryDurably(directory);
      await writeFileDurably(pathOf(digest), bytes);
      return digest;
    },
    verify: (digest, length) => verify(pathOf(digest), digest, length),
    strays: () =>
      namesIn(directory).filter((name) => !isDigest(`sha256:${name}`) && isStray(host.syscalls, join(directory, name))),
    deleteStray: (name) => {
      using taken = tryLock(host.syscalls, join(directory, name), { create: false });
      if (taken !== undefined) rmSync(taken.path, { force: true });
    },
    delete: (digest) => rmSync(pathOf(digest), { force: true }),
    list: () => listBlobs(directory),
  };
}

function verify(path: string, digest: Digest, length: number | undefined): "whole" | "damaged" | "missing" {
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) return "missing";
  const isWhole = length === undefined ? digestOf(readFileSync(path)) === digest : size === length;
  return isWhole ? "whole" : "damaged";
}

/** A file that is being written is locked. */
function isStray(syscalls: Syscalls, path: string): boolean {
  using taken = tryLock(syscalls, path, { create: false });
  return taken !== undefined;
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
  return namesIn(directory).flatMap((name) => {
    const digest = `sha256:${name}`;
    const size = statSync(join(directory, name), { throwIfNoEntry: false })?.size;
    return isDigest(digest) && size !== undefined ? [{ digest, size }] : [];
  });
}
