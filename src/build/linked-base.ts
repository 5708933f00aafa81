import { BerthError } from "../base/errors.ts";
import type { ImageDeps } from "../image/images.ts";
import { digestOf } from "../oci/digest.ts";
import { hostPlatform, type Platform, platformText } from "../oci/platform.ts";
import { type Built, configOf } from "./export-images.ts";
import type { BaseImage } from "./resolve-stages.ts";

/** What a build came to for one platform, as others can start from it. */
export interface PlatformBase {
  readonly platform: Platform;
  readonly image: BaseImage;
}

/** Results of builds, by what contexts name them: `target:base`. */
export type Links = ReadonlyMap<string, readonly PlatformBase[]>;

/** What others that run beside it can start from of a build that was solved: no image has to be made of it. */
export function basesOf(
  deps: ImageDeps,
  built: Built,
  { shared, labels = {} }: { readonly shared?: object; readonly labels?: Readonly<Record<string, string>> },
): readonly PlatformBase[] {
  // Alone, its layers may be names of an imported cache.
  if (shared === undefined) return [];
  return built.targets.map((target) => {
    const config = configOf(deps, { ...built, target }, labels);
    const { output } = target.lowered;
    const chainID = built.solved.get(output)?.chainID;
    const image = { id: digestOf(JSON.stringify(config)), chainID, config, name: "", digest: undefined };
    return { platform: target.platform, image };
  });
}

/**
 * The base image that another build's result is, under the name that its context gives it; undefined for other names.
 *
 * @param wanted this machine's platform when absent, or the only one that there is
 * @throws {BerthError} not-found, where the result is for other platforms
 */
export function linkedBase(
  links: Links | undefined,
  name: string,
  wanted: Platform | undefined,
): BaseImage | undefined {
  const bases = links?.get(name);
  if (bases === undefined) return undefined;
  const text = platformText(wanted ?? hostPlatform);
  const [only, ...others] = bases;
  const found =
    bases.find(({ platform }) => platformText(platform) === text) ?? (others.length === 0 ? only : undefined);
  if (found !== undefined) return { ...found.image, name };
  throw new BerthError("not-found", `${name} isn't built for the platform ${text}`);
}
