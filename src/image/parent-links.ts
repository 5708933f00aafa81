import { BerthError } from "../base/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { HistoryEntry } from "../oci/image-config.ts";
import { getImage, type ImageDeps } from "./images.ts";

/** An image of an archive, and the ID of what it was made from, as the archive writes it. */
export interface ParentLink {
  readonly id: Digest;
  readonly parent: string;
}

/**
 * Record which of the images of an archive were made from which.
 *
 * @param loaded what the archive had: other parents are passed over
 * @throws {BerthError} invalid-argument, in Docker's words, where the history of one isn't that of the other and a step more
 * @see moby tarexport load.go `setParentID`
 */
export async function linkParents(
  deps: ImageDeps,
  links: readonly ParentLink[],
  loaded: ReadonlySet<string>,
): Promise<void> {
  // Without a history nothing would keep two images from being each other's parent.
  const known = links.filter(({ id, parent }) => loaded.has(parent) && historyOf(deps, id).length > 0);
  for (const { id, parent } of known) {
    if (!isStepFurther(historyOf(deps, id), historyOf(deps, parent))) {
      throw new BerthError("invalid-argument", `image ${parent} is not a valid parent for ${id}`);
    }
  }
  if (known.length === 0) return;
  await deps.db.write((sql) => {
    for (const { id, parent } of known) sql.run("UPDATE image SET parent = ? WHERE id = ?", parent, id);
  });
}

function historyOf(deps: ImageDeps, id: string): readonly HistoryEntry[] {
  return getImage(deps, id).config.history ?? [];
}

function isStepFurther(child: readonly HistoryEntry[], parent: readonly HistoryEntry[]): boolean {
  return child.length === parent.length + 1 && parent.every((entry, place) => isSame(entry, child[place] ?? {}));
}

function isSame(a: HistoryEntry, b: HistoryEntry): boolean {
  const fields = ({ created, author, created_by: by, comment, empty_layer: empty }: HistoryEntry): string =>
    JSON.stringify([created, author, by, comment, empty === true]);
  return fields(a) === fields(b);
}
