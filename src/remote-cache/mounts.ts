import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, mkdirSync, statSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { bytesOf } from "../archive/byte-string.ts";
import { compress } from "../archive/compress.ts";
import { decompress } from "../archive/decompress.ts";
import { applyLayer } from "../archive/extract.ts";
import { layerWriters, treeTar } from "../archive/layer-tar.ts";
import { walk } from "../archive/walk.ts";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { layerTypes } from "../image/oci-manifest.ts";
import { checkedBytes } from "../oci/checked-bytes.ts";
import { type Digest, parseDigest } from "../oci/digest.ts";
import type { CachedMount } from "./config.ts";
import type { RemoteCacheDeps } from "./deps.ts";
import type { ImportedCache } from "./imported-cache.ts";
import type { CacheTarget } from "./target.ts";

/** A cache mount that is to travel. */
export interface MountToExport {
  readonly name: string;
  /** Undefined where it isn't here. */
  readonly directory: string | undefined;
  /** Keeps every step from changing it. */
  readonly hold: (operation: Operation) => Promise<Disposable>;
}

/**
 * Have the content of a cache mount be where the cache goes, as a compressed archive: in a file of the store first, so that what is
 * there already needn't be sent.
 */
export async function sendMount(
  { host, snapshotter }: RemoteCacheDeps,
  {
    mount,
    directory,
    target,
  }: { readonly mount: MountToExport; readonly directory: string; readonly target: CacheTarget },
  operation: Operation,
): Promise<CachedMount> {
  await using scratch = await snapshotter.scratch();
  const path = join(scratch.path, "mount");
  const hash = createHash("sha256");
  const stop = operation.signal === undefined ? {} : { signal: operation.signal };
  {
    using _held = await mount.hold(operation);
    const archive = treeTar(walk(bytesOf(directory)), {
      ...stop,
      syscalls: host.syscalls,
      writer: layerWriters.made,
    });
    const packed = async function* (): AsyncGenerator<Buffer> {
      for await (const chunk of compress(archive, "gzip")) {
        hash.update(chunk);
        yield chunk;
      }
    };
    await pipeline(Readable.from(packed()), createWriteStream(path, { mode: 0o600 }));
  }
  const blob = parseDigest(`sha256:${hash.digest("hex")}`);
  const { size } = statSync(path);
  const body = () => ({ bytes: createReadStream(path, { highWaterMark: 1 << 20 }), digest: () => blob });
  await target.upload({ digest: blob, size, body }, stop);
  return { name: mount.name, blob, mediaType: layerTypes.gzip, size };
}

/** Have the content of a cache mount that an imported cache has be where another cache goes. */
export async function passMount(
  {
    mount,
    cache,
    target,
  }: { readonly mount: CachedMount; readonly cache: ImportedCache; readonly target: CacheTarget },
  operation: Operation,
): Promise<CachedMount> {
  const { blob: digest, size } = mount;
  const body = () => ({ bytes: blobOf(cache, mount, operation), digest: () => digest });
  if (!(await target.hasBlob(digest, operation))) await target.upload({ digest, size, body }, operation);
  return mount;
}

/** Make the directory of a cache mount with what an imported cache has of it. @throws {BerthError} as `Repository.blob`; invalid-argument, for a damaged archive; data-loss */
export async function fetchMount(
  { host, snapshotter }: RemoteCacheDeps,
  {
    mount,
    cache,
    directory,
  }: { readonly mount: CachedMount; readonly cache: ImportedCache; readonly directory: string },
  operation: Operation,
): Promise<void> {
  await using scratch = await snapshotter.scratch();
  const root = join(scratch.path, "root");
  mkdirSync(root);
  const stop = operation.signal === undefined ? {} : { signal: operation.signal };
  await applyLayer(decompress(blobOf(cache, mount, stop)), root, {
    ...stop,
    syscalls: host.syscalls,
    whiteouts: "literal",
  });
  await rename(root, directory);
}

function blobOf(
  { reader }: ImportedCache,
  { blob, size }: CachedMount,
  operation: Operation,
): AsyncIterable<Uint8Array> {
  if (reader === undefined) throw new BerthError("not-found", `blob ${blob} is nowhere`);
  return checkedBytes(reader.blob({ digest: blob, size }, operation), blob, wrongBlob);
}

/** The error for a blob of a cache that has other bytes than its digest says. */
export function wrongBlob(digest: Digest, found: string): BerthError {
  return new BerthError("data-loss", `the bytes of ${digest} have the digest ${found}`);
}
