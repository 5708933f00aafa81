import { BerthError, isKind, messageOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { getImage, type Image, type ImageDeps } from "../image/images.ts";
import { getPlatformImage } from "../image/indexes.ts";
import { chainIDs } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { fullName, parseReference, type Reference, withDefaultTag } from "../oci/reference.ts";
import { internalStep } from "./progress.ts";
import type { BaseImage } from "./resolve-stages.ts";

/** What a `FROM` or a `--from` asks for. */
interface Base {
  readonly name: string;
  readonly platform: Platform | undefined;
}

/**
 * The image that a `FROM` or a `--from` names.
 *
 * @throws {BerthError} not-found, when it isn't in the store, or not for the platform; invalid-argument, for a malformed name
 */
export function resolveBase(deps: ImageDeps, base: Base, operation: Operation): Promise<BaseImage> {
  const full = fullName(withDefaultTag(referenceOf(base.name)));
  return internalStep(operation, `[internal] load metadata for ${full}`, async () => {
    const { id, config } = find(deps, base, full);
    return { id, config, name: full, chainID: chainIDs(config.rootfs.diff_ids).at(-1) };
  });
}

function referenceOf(name: string): Reference {
  try {
    return parseReference(name);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new BerthError("invalid-argument", `failed to parse stage name ${JSON.stringify(name)}: ${error.message}`, {
      cause: error,
    });
  }
}

function find(deps: ImageDeps, { name, platform }: Base, full: string): Image {
  const failed = `${name}: failed to resolve source metadata for ${full}`;
  const image = findNamed(deps, name, failed);
  if (platform === undefined) return image;
  try {
    return getPlatformImage(deps, name, platform);
  } catch (error) {
    if (!isKind(error, "not-found")) throw error;
    throw new BerthError("not-found", `${failed}: no match for platform in manifest: not found`, {
      cause: error,
      hint: `${messageOf(error)}.`,
    });
  }
}

function findNamed(deps: ImageDeps, name: string, failed: string): Image {
  try {
    return getImage(deps, name);
  } catch (error) {
    if (!isKind(error, "not-found")) throw error;
    const message = `${failed}: pull access denied, repository does not exist or may require authorization`;
    throw new BerthError("not-found", message, {
      cause: error,
      hint: `${name} is not in the store, and registries are not supported yet: make it with \`berth import\` or \`berth build\`.`,
    });
  }
}
