import { chainIDs, type Digest } from "../oci/digest.ts";
import { findImage, getImage, type Image, type ImageDeps } from "./images.ts";

/** One line of `history`, newest first. */
export interface HistoryLine {
  /** The image that ends with this step, where it is known; undefined is shown as `<missing>`. */
  readonly id: Digest | undefined;
  /** RFC 3339. */
  readonly created: string | undefined;
  readonly createdBy: string;
  readonly comment: string;
  /** Sum of the sizes of the step's files, bytes. */
  readonly size: number;
  readonly references: readonly string[];
}

/**
 * The steps that an image was made by. Parents are known for what was committed here.
 *
 * @throws {BerthError} not-found
 */
export function imageHistory(deps: ImageDeps, nameOrID: string): readonly HistoryLine[] {
  const image = getImage(deps, nameOrID);
  const known = ancestors(deps, image);
  const chains = chainIDs(image.config.rootfs.diff_ids);
  const entries = image.config.history ?? [];
  let layers = 0;
  const lines = entries.map((entry, index) => {
    const chain = entry.empty_layer === true ? undefined : chains[layers++];
    const owner = known.get(index + 1);
    return {
      id: owner?.id,
      created: entry.created,
      createdBy: entry.created_by ?? "",
      comment: entry.comment ?? "",
      size: chain === undefined ? 0 : (deps.snapshotter.find(chain)?.size ?? 0),
      references: owner?.references ?? [],
    };
  });
  return lines.reverse();
}

/** The image and its parents, by how many history entries each has. */
function ancestors(deps: ImageDeps, image: Image): ReadonlyMap<number, Image> {
  const found = new Map<number, Image>();
  for (
    let next: Image | undefined = image;
    next !== undefined && !found.has(lengthOf(next));
    next = parentOf(deps, next)
  ) {
    found.set(lengthOf(next), next);
  }
  return found;
}

const lengthOf = (image: Image): number => image.config.history?.length ?? 0;

function parentOf(deps: ImageDeps, { parent }: Image): Image | undefined {
  return parent === undefined ? undefined : findImage(deps, parent);
}
