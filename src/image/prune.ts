import { isKind } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import { sizeOfKept } from "./collect-blobs.ts";
import { getImage, type Image, type ImageDeps, type ImageSummary, listImages } from "./images.ts";
import { listIndexes } from "./indexes.ts";
import { pruneDownloads } from "./prune-downloads.ts";
import type { Removed, RemoveOptions } from "./removal.ts";
import { removeImage } from "./remove.ts";

/** What {@link pruneImages} takes. */
export interface PruneOptions extends Pick<RemoveOptions, "isRunning"> {
  /** Named images, too, that no container uses. */
  readonly all: boolean;
  /** Which of them; every one when absent. */
  readonly fits?: (image: Image) => boolean;
}

/** What {@link pruneImages} did. */
export interface PrunedImages {
  readonly lines: readonly Removed[];
  /** Bytes of the layers and kept blobs that are gone, and of downloads that were never finished. */
  readonly bytes: number;
}

/**
 * Remove what pulls that ended early have left, and the images that have neither a name nor a container nor an image made from them; with `all`, named ones too.
 * What is in use stays, without a word.
 *
 * @see moby daemon/images `ImagePrune`
 */
export async function pruneImages(deps: ImageDeps, options: PruneOptions): Promise<PrunedImages> {
  const sizes = new Map<string, number>(deps.snapshotter.layers().map(({ chainID, size }) => [chainID, size]));
  const before = deps.db.read(sizeOfKept);
  const lines: Removed[] = [];
  for (const image of candidates(deps, options)) {
    for (const name of image.references.length > 0 ? image.references : [image.id]) {
      lines.push(...(await removedUnlessUsed(deps, name, options)));
    }
  }
  for (const index of unnamedIndexes(deps, options)) lines.push(...(await removedUnlessUsed(deps, index, options)));
  const bytes = lines.reduce((sum, line) => sum + ("deleted" in line ? (sizes.get(line.deleted) ?? 0) : 0), 0);
  // Another process may bring some in meanwhile.
  const blobs = Math.max(0, before - deps.db.read(sizeOfKept));
  return { lines, bytes: bytes + blobs + (await pruneDownloads(deps)) };
}

function candidates(deps: ImageDeps, { all, fits }: PruneOptions): readonly ImageSummary[] {
  const list = listImages(deps);
  const parents = new Set(list.map(({ parent }) => parent));
  return list.filter(({ id, references, variantOf }) => {
    // A platform goes with its index.
    if (references.length === 0 && variantOf.length > 0) return false;
    const isTagged = references.some((name) => !name.includes("@"));
    const isMeant = all ? references.length > 0 || !parents.has(id) : !isTagged && !parents.has(id);
    return isMeant && (fits === undefined || fits(getImage(deps, id)));
  });
}

/** Indexes whose names went to others, and whose image has a name of its own. */
function unnamedIndexes(deps: ImageDeps, { fits }: PruneOptions): readonly Digest[] {
  const unnamed = listIndexes(deps).filter(({ references }) => references.length === 0);
  return unnamed.flatMap(({ digest, imageID }) =>
    fits === undefined || fits(getImage(deps, imageID)) ? [digest] : [],
  );
}

async function removedUnlessUsed(deps: ImageDeps, name: string, options: PruneOptions): Promise<readonly Removed[]> {
  try {
    return await removeImage(deps, name, { force: false, isRunning: options.isRunning });
  } catch (error) {
    // Another prune may have been quicker; a container may use it.
    if (isKind(error, "conflict") || isKind(error, "not-found")) return [];
    throw error;
  }
}
