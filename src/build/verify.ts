import { randomID } from "../base/ids.ts";
import { type FirstDifference, firstDifference } from "../image/first-difference.ts";
import { findTarget, getImage, type Image } from "../image/images.ts";
import { getPlatformImage } from "../image/indexes.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { type BuildDeps, type BuildOptions, buildUnrecorded } from "./build.ts";
import { askedPlatforms } from "./platforms.ts";

/** What a build that was done again came to. */
export interface Verdict {
  readonly image: Image;
  /** The ID that the image has that was made again; it isn't kept. */
  readonly again: Digest;
  /** The first difference; undefined when there is none. */
  readonly difference?: FirstDifference;
  /** False where the image was built without SOURCE_DATE_EPOCH: no two builds have the same times then, and they were left out. */
  readonly times: boolean;
}

/** Steps see another name of the host than usual, as long as that, so that of a file with it the content differs, not the size. */
const otherHost = (): string => `verify-${randomID().slice(0, 8)}`;

/**
 * Build again what an image was built of, under other conditions: at another time, without the cache, one step after the other, on a
 * host of another name. Nothing of it is kept.
 *
 * @throws {BerthError} not-found, for the image; whatever {@link build} throws
 */
export async function verifyImage(
  deps: BuildDeps,
  name: string,
  options: Omit<BuildOptions, "tags" | "noCache" | "conditions">,
): Promise<Verdict> {
  const image = imageOf(deps, name, options);
  const epoch = options.buildArgs?.["SOURCE_DATE_EPOCH"] ?? epochOf(image);
  const times = epoch !== undefined;
  const again = {
    ...options,
    buildArgs: { ...options.buildArgs, ...(times ? { SOURCE_DATE_EPOCH: epoch } : {}) },
    noCache: true,
    conditions: { hostname: otherHost(), parallelism: 1 },
  };
  try {
    return await buildUnrecorded(deps, again, async (config) => {
      const difference = await firstDifference(deps, [image, { config }], { times });
      const id = digestOf(JSON.stringify(config));
      return { image, again: id, times, ...(difference === undefined ? {} : { difference }) };
    });
  } finally {
    await deps.snapshotter.collect({ spareOwn: true });
  }
}

/** Of an image for several platforms the one that is built. */
function imageOf(deps: BuildDeps, name: string, options: Pick<BuildOptions, "platform">): Image {
  const [platform, another] = askedPlatforms(options.platform);
  if (platform === undefined || another !== undefined || findTarget(deps, name).index === undefined)
    return getImage(deps, name);
  return getPlatformImage(deps, name, platform);
}

/** What SOURCE_DATE_EPOCH was in the build of an image: builds without it have a fraction of a second. */
function epochOf({ config: { created = "" } }: Image): string | undefined {
  const milliseconds = Date.parse(created);
  return Number.isNaN(milliseconds) || milliseconds % 1000 !== 0 ? undefined : String(milliseconds / 1000);
}
