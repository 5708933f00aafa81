import { rmSync, statSync } from "node:fs";
import { requireFree } from "../archive/free-space.ts";
import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { type Lock, lock } from "../host/lock.ts";
import type { Digest } from "../oci/digest.ts";
import { parseNewConfig } from "../oci/image-config.ts";
import { blobsIn, type Descriptor } from "../oci/image-index.ts";
import { hostPlatform } from "../oci/platform.ts";
import { readSmallBlob } from "../registry/small-blob.ts";
import { collectBlobs } from "./collect-blobs.ts";
import { type BlobReader, downloadPath } from "./download.ts";
import { findImage, type ImageDeps } from "./images.ts";
import type { NewEntry } from "./index-records.ts";
import { bringLayers, keptBlobs, layersHere, missingBlobs, tellLayers } from "./pull-layers.ts";
import { type ArrivalNames, isRecorded, type Pulled, recordPulled } from "./pull-records.ts";
import type { RemoteImage } from "./remote-image.ts";

/** What an image that comes in needs. */
export interface ArrivalDeps extends ImageDeps {
  /** Most blobs that are fetched at once. */
  readonly parallel: number;
}

/** An image that is to come in. */
export interface Arrival {
  readonly names: ArrivalNames;
  readonly reader: BlobReader;
  /** One; or several of one index. */
  readonly images: readonly [RemoteImage, ...RemoteImage[]];
  /** What else of the index comes: the indexes in it, and what attests to its images. */
  readonly beside?: readonly BesideEntry[];
  /** The manifest was made for an image that had none: where its layers are plain, it isn't recorded. */
  readonly isMade?: boolean;
}

/** What an index has beside images. */
export type BesideEntry = Pick<NewEntry, "digest" | "manifest" | "platform">;

/**
 * Bring an image into the store. Only what isn't there is fetched; layers are verified and unpacked while they arrive. Nothing is
 * visible before all is there. Where two processes bring the same image, one waits for the other.
 *
 * @returns false, where all was here
 * @throws {BerthError} as `Repository.blob`; invalid-argument, for what is no image or contradicts itself; data-loss, for bytes that
 *   aren't what their digest says; failed-precondition, without space
 */
export async function bringIn(deps: ArrivalDeps, arrival: Arrival, operation: Operation): Promise<boolean> {
  const { names, images, beside = [] } = arrival;
  const isHere = (): boolean => beside.length === 0 && images.every((image) => isRecorded(deps, names, image));
  if (isHere()) return false;
  using held = await lockArrival(deps, images, operation);
  try {
    // Whoever had the lock may have brought it.
    if (isHere()) return false;
    await bring(deps, arrival, operation);
    return true;
  } catch (error) {
    // What was unpacked goes; what was downloaded stays for the next try.
    await deps.snapshotter.flush();
    await deps.snapshotter.collect();
    await collectBlobs(deps);
    throw error;
  } finally {
    rmSync(held.path, { force: true });
  }
}

/** Keep other processes from bringing the same image: they find it here afterwards. */
async function lockArrival({ host }: ArrivalDeps, images: Arrival["images"], { signal }: Operation): Promise<Lock> {
  const [{ root, manifest }, another] = images;
  const { digest } = (another === undefined ? manifest : root).descriptor;
  return await lock(host.syscalls, downloadPath(host, digest), stoppedBy(signal));
}

async function bring(deps: ArrivalDeps, arrival: Arrival, operation: Operation): Promise<void> {
  const { names, reader, images, beside, isMade = false } = arrival;
  await using held = new AsyncDisposableStack();
  const [first, ...others] = images;
  const pulled: [Pulled, ...Pulled[]] = [await bringImage(deps, { reader, image: first, held }, operation)];
  for (const image of others) pulled.push(await bringImage(deps, { reader, image, held }, operation));
  const entries: NewEntry[] = [];
  for (const entry of beside ?? []) entries.push(await bringBeside(deps, { reader, entry, held }, operation));
  await recordPulled(deps, { names, images: pulled, beside: entries, isMade });
}

/** An image, where its blobs are, and what keeps them here until it is recorded. */
interface Bringing {
  readonly reader: BlobReader;
  readonly image: RemoteImage;
  readonly held: AsyncDisposableStack;
}

async function bringImage(deps: ArrivalDeps, { reader, image, held }: Bringing, operation: Operation): Promise<Pulled> {
  const { config, layers: blobs } = image.parts;
  await holdBlobs(deps, held, [config, ...blobs]);
  const found = await fetchConfig(deps, { reader, image }, operation);
  const layers = layersHere(deps, blobs, found.parsed.rootfs.diff_ids);
  // Docker says nothing of the layers of an image that it has.
  if (findImage(deps, config.digest) === undefined) tellLayers(layers, operation.report);
  checkSpace(deps, missingBlobs(layers));
  await bringLayers(deps, { repository: reader, layers }, { ...operation, parallel: deps.parallel });
  return { remote: image, config: found, blobs: keptBlobs(deps, layers) };
}

async function holdBlobs(
  { snapshotter }: ArrivalDeps,
  held: AsyncDisposableStack,
  blobs: readonly Descriptor[],
): Promise<void> {
  for (const digest of new Set(blobs.map((blob) => blob.digest))) held.use(await snapshotter.holdBlob(digest));
}

/** What an index has beside images is kept as it is. */
async function bringBeside(
  deps: ArrivalDeps,
  { reader, entry, held }: Omit<Bringing, "image"> & { readonly entry: BesideEntry },
  operation: Operation,
): Promise<NewEntry> {
  const blobs = blobsIn(entry.manifest);
  await holdBlobs(deps, held, blobs);
  for (const blob of blobs) await deps.content.store(blob.digest, () => reader.blob(blob, operation));
  return { ...entry, imageID: undefined, blobs: blobs.map(({ digest, size }) => ({ digest, size })) };
}

/** The config of an image, from the store where that has it. */
export async function fetchConfig(
  { content }: ArrivalDeps,
  { reader, image }: Pick<Bringing, "reader" | "image">,
  operation: Operation,
): Promise<Pulled["config"]> {
  const { config, layers } = image.parts;
  const bytes = content.has(config.digest)
    ? content.readAll(config.digest, limits.json)
    : await readSmallBlob(reader, config, { ...operation, what: "image config" });
  const parsed = parseNewConfig(bytes);
  if (parsed.os !== hostPlatform.os) {
    const what = `image operating system ${JSON.stringify(parsed.os)} cannot be used on this platform`;
    throw new BerthError("invalid-argument", `${what}: operating system is not supported`);
  }
  const count = parsed.rootfs.diff_ids.length;
  if (count === layers.length) return { bytes, parsed };
  throw new BerthError("invalid-argument", "layers from manifest don't match image configuration", {
    hint: `The manifest has ${layers.length} layers, the configuration ${count}.`,
  });
}

/** A layer of an image that would come in. */
export interface PlannedLayer {
  readonly digest: Digest;
  /** Bytes, as it travels. */
  readonly size: number;
  readonly isHere: boolean;
  /** Bytes of it that an earlier pull has left. */
  readonly begun: number;
}

/** What {@link bringIn} would fetch of an image. */
export async function planArrival(
  deps: ArrivalDeps,
  coming: Pick<Bringing, "reader" | "image">,
  operation: Operation,
): Promise<{ readonly layers: readonly PlannedLayer[]; readonly bytes: number }> {
  const { parsed } = await fetchConfig(deps, coming, operation);
  const here = layersHere(deps, coming.image.parts.layers, parsed.rootfs.diff_ids);
  const left = new Map(missingBlobs(here).map((blob) => [blob.digest, blob.size - begunBytes(deps, blob)]));
  return {
    layers: here.map(({ blob, packed }) => ({
      digest: blob.digest,
      size: blob.size,
      isHere: packed,
      begun: packed ? 0 : begunBytes(deps, blob),
    })),
    bytes: [...left.values()].reduce((sum, bytes) => sum + bytes, 0),
  };
}

/** Bytes of a blob that an earlier pull has left. */
function begunBytes({ host }: Pick<ArrivalDeps, "host">, { digest, size }: Descriptor): number {
  return Math.min(size, statSync(downloadPath(host, digest), { throwIfNoEntry: false })?.size ?? 0);
}

/** Refuse what can't fit: each blob takes its size, and what is in it at least as much again. @throws {BerthError} failed-precondition */
function checkSpace({ host }: ArrivalDeps, blobs: readonly Descriptor[]): void {
  const needed = blobs.reduce((sum, blob) => sum + 2 * blob.size - begunBytes({ host }, blob), 0);
  requireFree(host.root, needed, "`berth system df` shows what takes space, `berth system prune` makes room.");
}
