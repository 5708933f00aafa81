import { BerthError } from "../base/errors.ts";
import { shortID } from "../base/ids.ts";
import type { Sql } from "../metadata/database.ts";
import type { Digest } from "../oci/digest.ts";
import { familiarRepository, parseReference } from "../oci/reference.ts";
import { type ImageDeps, noSuchImage } from "./images.ts";
import { entriesFor, indexesFor, soleImages } from "./index-records.ts";
import {
  conflictOf,
  drop,
  indexNames,
  inStore,
  inUse,
  isSingle,
  isStored,
  namesOf,
  type Removal,
  type Removed,
  type RemoveOptions,
  repositoryOf,
  untag,
  usersOf,
} from "./removal.ts";
import { resolveTarget, storedName, type Target } from "./resolve.ts";

/**
 * Untag a name, and delete the image when it was the last one and nothing uses it; or delete an image by its ID. An image for
 * several platforms goes with all of them.
 *
 * @throws {BerthError} not-found; conflict, in Docker's words, when a container or a child uses it
 * @see moby daemon/images `ImageDelete`
 */
export async function removeImage(
  deps: ImageDeps,
  nameOrID: string,
  options: RemoveOptions,
): Promise<readonly Removed[]> {
  return await inStore(deps, (sql) => {
    const target = resolveTarget(sql, nameOrID);
    if (target === undefined) throw noSuchImage(nameOrID);
    const removal: Removal = { sql, options, steps: [] };
    const { id, index } = target;
    if (isPrefixOf(id, nameOrID)) removeByID(removal, id);
    else if (index !== undefined && isPrefixOf(index, nameOrID)) removeIndex(removal, index);
    else removeByName(removal, target, nameOrID);
    return removal.steps;
  });
}

function removeByName(removal: Removal, { id, index }: Target, given: string): void {
  const { sql, options } = removal;
  const reference = parseReference(given);
  const name = storedName(reference);
  const names = index === undefined ? namesOf(sql, id) : indexNames(sql, index);
  const images = index === undefined ? [id] : soleImages(sql, index);
  const users = images.flatMap((image) => usersOf(sql, image).map((user) => ({ user, image })));
  const [used] = users.toSorted((a, b) => Number(options.isRunning(b.user)) - Number(options.isRunning(a.user)));
  if (!options.force && used !== undefined && isSingle(names)) throw referenceInUse(given, used.user, used.image);
  untag(removal, name);
  if (reference.digest === undefined) untagOrphans(removal, { id, index }, familiarRepository(reference));
  // The name goes in any case; the image stays for whoever needs it, without a word, as in Docker.
  if (index === undefined) dropUnneeded(removal, id);
  else if (indexNames(sql, index).length === 0) dropIndex(removal, index);
}

/** Delete an image that has no name, is no platform of an index, and isn't in use. */
function dropUnneeded(removal: Removal, id: Digest): void {
  const { sql, options } = removal;
  const isKept = !isStored(sql, id) || namesOf(sql, id).length > 0 || entriesFor(sql, id).length > 0;
  if (!isKept && conflictOf(removal, id, options) === undefined) drop(removal, id);
}

/** A repository whose last tag went loses its digests as well. */
function untagOrphans(removal: Removal, { id, index }: Target, repository: string): void {
  const names = index === undefined ? namesOf(removal.sql, id) : indexNames(removal.sql, index);
  const own = names.filter((name) => repositoryOf(name) === repository);
  if (own.some((name) => !name.includes("@"))) return;
  for (const name of own) untag(removal, name);
}

/** An image that stands for indexes takes them with it. */
function removeByID(removal: Removal, id: Digest): void {
  const { sql, options } = removal;
  // One name doesn't stand in the way; names in several repositories do.
  const named = isSingle(namesOf(sql, id));
  const indexes = indexesFor(sql, id);
  const images = new Set([id, ...indexes.flatMap((index) => soleImages(sql, index))]);
  const conflicts = [...images].map((image) => conflictOf(removal, image, { force: options.force, named }));
  const conflict =
    conflicts.find((each) => each !== undefined) ?? (options.force ? undefined : variantConflict(sql, id));
  if (conflict !== undefined) throw conflict;
  for (const index of indexes) dropIndex(removal, index);
  if (isStored(sql, id)) drop(removal, id);
}

/** An image that is a platform of an index, and doesn't stand for it, isn't deleted by the way. */
function variantConflict(sql: Sql, id: Digest): BerthError | undefined {
  const [entry] = entriesFor(sql, id).filter(({ index }) => !indexesFor(sql, id).includes(index));
  if (entry === undefined) return undefined;
  const name = indexNames(sql, entry.index)[0] ?? shortID(entry.index);
  return inUse(id, "must be forced", `image is a platform of ${name}`);
}

/** An index that is named by its digest. */
function removeIndex(removal: Removal, index: Digest): void {
  const { sql, options } = removal;
  const names = indexNames(sql, index);
  const named = names.length === 0 || isSingle(names);
  const conflicts = soleImages(sql, index).map((image) => conflictOf(removal, image, { force: options.force, named }));
  const conflict = conflicts.find((each) => each !== undefined);
  if (conflict !== undefined) throw conflict;
  if (!options.force && !named) throw inUse(index, "must be forced", "image is referenced in multiple repositories");
  dropIndex(removal, index);
}

/** Delete an index with its names, and the images that it alone kept and nobody else needs. */
function dropIndex(removal: Removal, index: Digest): void {
  const { sql, steps } = removal;
  const images = soleImages(sql, index);
  for (const name of indexNames(sql, index)) untag(removal, name);
  sql.run("DELETE FROM image_index WHERE digest = ?", index);
  steps.push({ deleted: index, layers: [] });
  for (const id of images) dropUnneeded(removal, id);
}

function isPrefixOf(id: Digest, given: string): boolean {
  return id.startsWith(given) || id.slice("sha256:".length).startsWith(given);
}

function referenceInUse(name: string, container: string, id: Digest): BerthError {
  return new BerthError(
    "conflict",
    `conflict: unable to remove repository reference "${name}" (must force) - container ${shortID(container)} is using its referenced image ${shortID(id)}`,
    { hint: `Remove the container first: berth rm ${shortID(container)}` },
  );
}
