import { BerthError } from "../base/errors.ts";
import { bestFor, type Platform, platformText } from "../oci/platform.ts";
import { findTarget, type ImageDeps, noSuchImage } from "./images.ts";
import { deleteEntry, entriesFor, type Present, presentIn, standFor, standing } from "./index-records.ts";
import { getPlatformImage, type ImageIndex, indexIn, notProvided } from "./indexes.ts";
import { conflictOf, drop, inStore, namesOf, type Removal, type Removed, type RemoveOptions } from "./removal.ts";
import { resolveTarget } from "./resolve.ts";

/**
 * Delete some platforms of an image, which keeps the others. The image of a platform that another index or a name has, too,
 * stays for these.
 *
 * @throws {BerthError} invalid-argument, in Docker's words, unless forced; not-found, for an image or a platform that isn't there;
 *   failed-precondition, when none would be left; conflict, when a running container uses it
 * @see moby daemon/containerd `deleteImagePlatforms`
 */
export async function removePlatforms(
  deps: ImageDeps,
  nameOrID: string,
  { platforms, ...options }: RemoveOptions & { readonly platforms: readonly Platform[] },
): Promise<readonly Removed[]> {
  findTarget(deps, nameOrID);
  if (!options.force) {
    // Docker's dash.
    const message = "Content will be removed from all images referencing this variant. Use —-force to force delete.";
    throw new BerthError("invalid-argument", message);
  }
  const removed: Removed[] = [];
  for (const platform of platforms) removed.push(...(await removePlatform(deps, nameOrID, { platform, options })));
  return removed;
}

async function removePlatform(
  deps: ImageDeps,
  nameOrID: string,
  { platform, options }: { readonly platform: Platform; readonly options: RemoveOptions },
): Promise<readonly Removed[]> {
  if (findTarget(deps, nameOrID).index === undefined) {
    getPlatformImage(deps, nameOrID, platform);
    throw onlyPlatform(nameOrID, platform);
  }
  return await inStore(deps, (sql) => {
    const digest = resolveTarget(sql, nameOrID)?.index;
    const index = digest === undefined ? undefined : indexIn(sql, digest);
    // It was an index a moment ago.
    if (index === undefined) throw noSuchImage(nameOrID);
    return removeEntry({ sql, options, steps: [] }, index, { nameOrID, platform });
  });
}

function removeEntry(
  removal: Removal,
  index: ImageIndex,
  { nameOrID, platform }: { readonly nameOrID: string; readonly platform: Platform },
): Removal["steps"] {
  const { sql, options, steps } = removal;
  const present = presentIn(index.platforms);
  const gone = bestFor(platform, present, (each) => each.platform);
  if (gone === undefined) throw notProvided(nameOrID, index, platform);
  const left: readonly Present[] = present.filter(({ imageID }) => imageID !== gone.imageID);
  const stands = standing(left, left.some(({ imageID }) => imageID === index.imageID) ? index.imageID : undefined);
  if (stands === undefined) throw onlyPlatform(nameOrID, platform);
  standFor(sql, index.digest, stands);
  const others = entriesFor(sql, gone.imageID).filter((entry) => entry.index !== index.digest);
  const isKept = others.length > 0 || namesOf(sql, gone.imageID).length > 0;
  const conflict = isKept ? undefined : conflictOf(removal, gone.imageID, options);
  if (conflict !== undefined) throw conflict;
  deleteEntry(sql, index.digest, gone.manifest);
  steps.push({ deleted: gone.manifest, layers: [] });
  if (!isKept) drop(removal, gone.imageID);
  return steps;
}

function onlyPlatform(name: string, platform: Platform): BerthError {
  return new BerthError(
    "failed-precondition",
    `${platformText(platform)} is the only platform of ${name} in the store`,
    {
      hint: `\`berth rmi ${name}\` removes the image.`,
    },
  );
}
