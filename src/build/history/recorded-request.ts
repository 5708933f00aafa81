import { statSync } from "node:fs";
import { isAbsolute } from "node:path";
import { BerthError } from "../../base/errors.ts";
import { getImage, type Image, type ImageDeps } from "../../image/images.ts";
import { matchesPlatform, platformText } from "../../oci/platform.ts";
import type { BuildOptions } from "../build.ts";
import { askedPlatforms } from "../platforms.ts";
import { buildOfImage, readBuild } from "./history.ts";
import type { AskedBuild, PastBuild, Withheld } from "./past-build.ts";

/** What the newest build of an image was asked, to ask for the same again. */
export interface RecordedRequest {
  readonly buildID: string;
  /** As far as they are recorded. Of several platforms the one of the image. */
  readonly options: Omit<BuildOptions, "context"> & { readonly context?: string };
  /** What has to be given again. */
  readonly withheld: readonly Withheld[];
}

/**
 * Find what an image was built of.
 *
 * @throws {BerthError} not-found: the image, a record of its build, or the directory of the context
 */
export function recordedRequest(deps: ImageDeps, name: string): RecordedRequest {
  const image = getImage(deps, name);
  const buildID = buildOfImage(deps.db, image.id);
  if (buildID === undefined) throw notRecorded(name, `no build is recorded that made ${name}`);
  const build = readBuild(deps.db, buildID);
  if (build.asked === undefined)
    throw notRecorded(name, `the record of the build that made ${name} doesn't say what was asked`);
  const { context } = build.asked;
  if (context !== undefined && isAbsolute(context) && statSync(context, { throwIfNoEntry: false }) === undefined)
    throw notRecorded(name, `the context that ${name} was built of, ${context}, isn't there any more`);
  return { buildID, options: optionsOf(build, build.asked, image), withheld: build.asked.withheld ?? [] };
}

function notRecorded(name: string, message: string): BerthError {
  return new BerthError("not-found", message, {
    hint: `\`berth verify CONTEXT ${name}\`, with the options of that build, builds again what CONTEXT has.`,
  });
}

function optionsOf(
  { target, buildArgs }: PastBuild,
  { withheld = [], labels = [], platform, ...asked }: AskedBuild,
  image: Image,
): RecordedRequest["options"] {
  const isKept = (flag: Withheld["flag"], name: string): boolean =>
    !withheld.some((each) => each.flag === flag && each.name === name);
  const inImage = image.config.config?.Labels ?? {};
  return {
    ...asked,
    ...(target === undefined ? {} : { target }),
    ...(platform === undefined ? {} : { platform: onePlatform(platform, image) }),
    buildArgs: Object.fromEntries(Object.entries(buildArgs).filter(([name]) => isKept("build-arg", name))),
    labels: Object.fromEntries(labels.map((name) => [name, inImage[name] ?? ""])),
  };
}

/** Of the platforms that were asked for, the image's. */
function onePlatform(text: string, { config: { os, architecture, variant } }: Image): string {
  const own = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  const found = askedPlatforms(text).find((asked) => matchesPlatform(asked, own));
  return found === undefined ? text : platformText(found);
}
