import { isKind } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { parseReference } from "../oci/reference.ts";
import { manifestsOf } from "../registry/send.ts";
import type { RepositoryName } from "./cache-records.ts";
import { findTarget, getImage, type ImageDeps } from "./images.ts";
import { getPlatformImage } from "./indexes.ts";
import { isBuiltIndex } from "./manifest-records.ts";
import { type ManifestOptions, manifestOf } from "./manifests.ts";
import { severalPlatforms } from "./save-whole.ts";
import { shipmentOf } from "./shipment.ts";

/** How {@link pushedDigest} is told. */
export interface DigestOptions extends ManifestOptions {
  /** The manifest of the image for this platform, also where an index is meant. */
  readonly platform?: Platform;
}

/**
 * The digest that an image has in a registry once it is pushed: that of its index, where it has one, or else of its manifest.
 *
 * @throws {BerthError} as `getImage` and `manifestOf`; invalid-argument, when an index is to be compressed
 */
export async function pushedDigest(
  deps: ImageDeps,
  nameOrID: string,
  { platform, ...options }: DigestOptions = {},
): Promise<Digest> {
  const { id, index } = findTarget(deps, nameOrID);
  if (index !== undefined && deps.db.read((sql) => isBuiltIndex(sql, index))) {
    const { compression, level, keepsWhatCame: _, ...operation } = options;
    const form = { ...(compression && { compression }), ...(level !== undefined && { level }) };
    const chosen = { name: nameOrID, form, ...(platform && { platform }), isThere: async () => true };
    const shipment = await shipmentOf(deps, { id, index }, chosen);
    return (await manifestsOf((await shipment.following?.(operation)) ?? shipment, operation)).top.digest;
  }
  if (platform === undefined && index !== undefined) {
    if (options.compression !== undefined) throw severalPlatforms();
    return index;
  }
  const image = platform === undefined ? getImage(deps, id) : getPlatformImage(deps, nameOrID, platform);
  const repository = repositoryIn(nameOrID);
  const { digest } = await manifestOf(deps, image, { ...options, ...(repository && { repository }) });
  return digest;
}

/** Where a push by this name would go; undefined for what is an ID alone. */
function repositoryIn(nameOrID: string): RepositoryName | undefined {
  try {
    return parseReference(nameOrID);
  } catch (error) {
    if (isKind(error, "invalid-argument")) return undefined;
    throw error;
  }
}
