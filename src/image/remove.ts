import { BerthError } from "../base/errors.ts";
import { shortID } from "../base/ids.ts";
import type { Sql } from "../metadata/database.ts";
import { recordEvent } from "../metadata/events.ts";
import type { ChainID, Digest } from "../oci/digest.ts";
import { familiarRepository, parseReference } from "../oci/reference.ts";
import { collectConfigs } from "./collect-configs.ts";
import { type ImageDeps, noSuchImage, sortedNames } from "./images.ts";
import { resolveImageID, storedName } from "./resolve.ts";

/** One line that `rmi` prints. */
export type Removed = { readonly untagged: string } | { readonly deleted: string };

/** What {@link removeImage} may do and has to know. */
export interface RemoveOptions {
  readonly force: boolean;
  /** Delete the parents, too, that have no name and that nothing else is made from. True when absent. */
  readonly prune?: boolean;
  /** True for a container that runs now: no force removes its image. */
  readonly isRunning: (containerID: string) => boolean;
}

/**
 * Untag a name, and delete the image when it was the last one and nothing uses it; or delete an image by its ID.
 *
 * @throws {BerthError} not-found; conflict, in Docker's words, when a container or a child uses it
 * @see moby daemon/images `ImageDelete`
 */
export async function removeImage(
  deps: ImageDeps,
  nameOrID: string,
  options: RemoveOptions,
): Promise<readonly Removed[]> {
  const steps = await deps.db.write((sql) => {
    const id = resolveImageID(sql, nameOrID);
    if (id === undefined) throw noSuchImage(nameOrID);
    const removal: Removal = { sql, options, steps: [] };
    if (isPrefixOf(id, nameOrID)) removeByID(removal, id);
    else removeByName(removal, id, nameOrID);
    return removal.steps;
  });
  const deleted = steps.flatMap((step) => ("deleted" in step ? [step] : []));
  if (deleted.length === 0) return steps.map(shown);
  const { layers } = await deps.snapshotter.collect({ spareOwn: true });
  await collectConfigs(deps);
  return steps.flatMap((step) => [
    shown(step),
    ...("deleted" in step ? step.layers.filter((chain) => layers.includes(chain)) : []).map((chain) => ({
      deleted: chain,
    })),
  ]);
}

/** `layers` are those that the image has beyond its parent, the topmost first. */
type Step = { readonly untagged: string } | { readonly deleted: Digest; readonly layers: readonly ChainID[] };

interface Removal {
  readonly sql: Sql;
  readonly options: RemoveOptions;
  readonly steps: Step[];
}

function shown(step: Step): Removed {
  return "untagged" in step ? { untagged: step.untagged } : { deleted: step.deleted };
}

function removeByName(removal: Removal, id: Digest, given: string): void {
  const { sql, options } = removal;
  const reference = parseReference(given);
  const name = storedName(reference);
  const users = usersOf(sql, id);
  const [user] = users.toSorted((a, b) => Number(options.isRunning(b)) - Number(options.isRunning(a)));
  if (!options.force && user !== undefined && isSingle(namesOf(sql, id))) throw referenceInUse(given, user, id);
  untag(removal, id, name);
  if (reference.digest === undefined) untagOrphans(removal, id, familiarRepository(reference));
  if (namesOf(sql, id).length > 0) return;
  // The name goes in any case; the image stays for whoever needs it, without a word, as in Docker.
  if (conflictOf(removal, id, options) === undefined) drop(removal, id);
}

/** A repository whose last tag went loses its digests as well. */
function untagOrphans(removal: Removal, id: Digest, repository: string): void {
  const own = namesOf(removal.sql, id).filter((name) => repositoryOf(name) === repository);
  if (own.some((name) => !name.includes("@"))) return;
  for (const name of own) untag(removal, id, name);
}

function removeByID(removal: Removal, id: Digest): void {
  const { sql, options } = removal;
  // One name doesn't stand in the way; names in several repositories do.
  const conflict = conflictOf(removal, id, { force: options.force, named: isSingle(namesOf(sql, id)) });
  if (conflict !== undefined) throw conflict;
  drop(removal, id);
}

/** What forbids to delete an image; with `force` only what can't be forced. With `named`, its names don't. */
function conflictOf(
  { sql, options }: Removal,
  id: Digest,
  { force, named = false }: { readonly force: boolean; readonly named?: boolean },
): BerthError | undefined {
  if (sql.get("SELECT 1 FROM image WHERE parent = ?", id) !== undefined) {
    return inUse(id, "cannot be forced", "image has dependent child images");
  }
  const users = usersOf(sql, id);
  const running = users.find((user) => options.isRunning(user));
  if (running !== undefined) {
    return inUse(id, "cannot be forced", `image is being used by running container ${shortID(running)}`);
  }
  if (force) return undefined;
  if (!named && namesOf(sql, id).length > 0) {
    return inUse(id, "must be forced", "image is referenced in multiple repositories");
  }
  const [user] = users;
  if (user === undefined) return undefined;
  return inUse(id, "must be forced", `image is being used by stopped container ${shortID(user)}`);
}

/** Delete an image with its names, and then its parents as long as nothing needs them. */
function drop(removal: Removal, id: Digest): void {
  const { sql, options, steps } = removal;
  for (const name of namesOf(sql, id)) untag(removal, id, name);
  const parent = sql.get<{ parent: Digest | null }>("SELECT parent FROM image WHERE id = ?", id)?.parent ?? undefined;
  const layers = chainsOf(sql, id);
  const below = new Set(parent === undefined ? [] : chainsOf(sql, parent));
  sql.run("DELETE FROM image_layer WHERE image_id = ?", id);
  sql.run("DELETE FROM image WHERE id = ?", id);
  recordEvent(sql, { type: "image", action: "delete", id });
  steps.push({ deleted: id, layers: layers.filter((chain) => !below.has(chain)) });
  if (parent === undefined || options.prune === false) return;
  const isStored = sql.get("SELECT 1 FROM image WHERE id = ?", parent) !== undefined;
  if (isStored && conflictOf(removal, parent, { force: false }) === undefined) drop(removal, parent);
}

function untag({ sql, steps }: Removal, id: Digest, name: string): void {
  sql.run("DELETE FROM image_reference WHERE reference = ?", name);
  recordEvent(sql, { type: "image", action: "untag", id, attributes: { name } });
  steps.push({ untagged: name });
}

function namesOf(sql: Sql, id: Digest): readonly string[] {
  const rows = sql.all<{ reference: string }>("SELECT reference FROM image_reference WHERE image_id = ?", id);
  return sortedNames(rows.map((row) => row.reference));
}

function usersOf(sql: Sql, id: Digest): readonly string[] {
  return sql
    .all<{ id: string }>("SELECT id FROM container WHERE image_id = ? ORDER BY created", id)
    .map((row) => row.id);
}

/** The topmost first. */
function chainsOf(sql: Sql, id: Digest): readonly ChainID[] {
  return sql
    .all<{ chain: ChainID }>(
      `SELECT image_layer.chain_id AS chain FROM image_layer JOIN layer ON layer.chain_id = image_layer.chain_id
       WHERE image_id = ? ORDER BY layer.id DESC`,
      id,
    )
    .map((row) => row.chain);
}

/** One tag at most, and nothing outside its repository. */
function isSingle(names: readonly string[]): boolean {
  const tags = names.filter((name) => !name.includes("@"));
  return names.length > 0 && tags.length <= 1 && new Set(names.map(repositoryOf)).size === 1;
}

function repositoryOf(name: string): string {
  return familiarRepository(parseReference(name));
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

function inUse(id: Digest, force: string, why: string): BerthError {
  return new BerthError("conflict", `conflict: unable to delete ${shortID(id)} (${force}) - ${why}`);
}
