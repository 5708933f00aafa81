import { BerthError } from "../base/errors.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { type ArrivalDeps, bringIn, planArrival } from "../image/arrival.ts";
import type { ArrivalNames } from "../image/pull-records.ts";
import { imageIn, imagesIn, type RemoteImage } from "../image/remote-image.ts";
import { kindOf } from "../oci/image-index.ts";
import { hostPlatform, type Platform } from "../oci/platform.ts";
import type { PlannedBlob } from "../registry/send.ts";
import type { OpenedSource } from "./ends.ts";

/** How an image comes into the store. */
export interface IntoStore extends Operation {
  readonly names: ArrivalNames;
  /** Of an index every image that this system can have; the one for `platform` otherwise. */
  readonly all: boolean;
  readonly platform: Platform | undefined;
}

/** Bring an image into the store, as a pull does. @throws {BerthError} as `bringIn` */
export async function copyIntoStore(deps: ArrivalDeps, source: OpenedSource, options: IntoStore): Promise<void> {
  const { names, all: _all, platform: _platform, ...operation } = options;
  const { reader, isMade = false } = source;
  await bringIn(deps, { names, reader, isMade, ...(await coming(deps, source, options)) }, operation);
}

/** What {@link copyIntoStore} would fetch. */
export async function planIntoStore(
  deps: ArrivalDeps,
  source: OpenedSource,
  options: IntoStore,
): Promise<readonly PlannedBlob[]> {
  const { images } = await coming(deps, source, options);
  const blobs: PlannedBlob[] = [];
  for (const image of images) {
    const { layers } = await planArrival(deps, { reader: source.reader, image }, options);
    for (const { digest, size, begun, isHere } of layers) {
      blobs.push({ id: digest, digest, size: size - begun, action: isHere ? "exists" : "upload" });
    }
  }
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

async function coming(
  deps: ArrivalDeps,
  { reader, root }: OpenedSource,
  { all, platform, signal }: IntoStore,
): Promise<{ readonly images: readonly [RemoteImage, ...RemoteImage[]]; readonly beside?: Beside }> {
  const entries = { db: deps.db, repository: reader, operation: stoppedBy(signal) };
  if (!all || kindOf(root.descriptor) !== "index") return { images: [await imageIn(entries, root, platform)] };
  const { images, beside } = await imagesIn(entries, root);
  const [first, ...others] = images;
  if (first === undefined) {
    throw new BerthError("invalid-argument", `the index ${root.descriptor.digest} has no image for ${hostPlatform.os}`);
  }
  return { images: [first, ...others], beside };
}

type Beside = Awaited<ReturnType<typeof imagesIn>>["beside"];
