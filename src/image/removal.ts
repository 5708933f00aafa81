import { BerthError } from "../base/errors.ts";
import { shortID } from "../base/ids.ts";
import type { Sql } from "../metadata/database.ts";
import type { ChainID, Digest } from "../oci/digest.ts";
import { familiarRepository, parseReference } from "../oci/reference.ts";
import { collectBlobs } from "./collect-blobs.ts";
import { type ImageDeps, sortedNames } from "./images.ts";
import { deleteEntry, entriesFor } from "./index-records.ts";
import { imageNames } from "./resolve.ts";

/** One line that `rmi` prints; `deleted` is an image, a layer or an index. */
export type Removed = { readonly untagged: string } | { readonly deleted: string };

/** What a removal may do and has to know. */
export interface RemoveOptions {
  readonly force: boolean;
  /** Delete the parents, too, that have no name and that nothing else is made from. True when absent. */
  readonly prune?: boolean;
  /** True for a container that runs now: no force removes its image. */
  readonly isRunning: (containerID: string) => boolean;
}

/** `layers` are those that the image has beyond its parent, the topmost first. */
export type Step = { readonly untagged: string } | { readonly deleted: Digest; readonly layers: readonly ChainID[] };

/** A removal under way, within its transaction. */
export interface Removal {
  readonly sql: Sql;
  readonly options: RemoveOptions;
  readonly steps: Step[];
}

function shown(step: Step): Removed {
  return "untagged" in step ? { untagged: step.untagged } : { deleted: step.deleted };
}

/** Record a removal, and delete what nothing needs any more. */
export async function inStore(deps: ImageDeps, remove: (sql: Sql) => readonly Step[]): Promise<readonly Removed[]> {
  const steps = await deps.db.write(remove);
  const deleted = steps.flatMap((step) => ("deleted" in step ? [step] : []));
  if (deleted.length === 0) return steps.map(shown);
  const { layers } = await deps.snapshotter.collect({ spareOwn: true });
  await collectBlobs(deps);
  return steps.flatMap((step) => [
    shown(step),
    ...("deleted" in step ? step.layers.filter((chain) => layers.includes(chain)) : []).map((chain) => ({
      deleted: chain,
    })),
  ]);
}

/** What forbids to delete an image; with `force` only what can't be forced. With `named`, its names don't. */
export function conflictOf(
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
export function drop(removal: Removal, id: Digest): void {
  const { sql, options, steps } = removal;
  for (const name of namesOf(sql, id)) untag(removal, name);
  for (const { index, digest } of entriesFor(sql, id)) deleteEntry(sql, index, digest);
  const parent = sql.get<{ parent: Digest | null }>("SELECT parent FROM image WHERE id = ?", id)?.parent ?? undefined;
  const layers = chainsOf(sql, id);
  const below = new Set(parent === undefined ? [] : chainsOf(sql, parent));
  sql.run("DELETE FROM image_layer WHERE image_id = ?", id);
  sql.run("DELETE FROM image WHERE id = ?", id);
  steps.push({ deleted: id, layers: layers.filter((chain) => !below.has(chain)) });
  if (parent === undefined || options.prune === false) return;
  if (!isStored(sql, parent) || entriesFor(sql, parent).length > 0) return;
  if (conflictOf(removal, parent, { force: false }) === undefined) drop(removal, parent);
}

/** True while the image has a record. */
export function isStored(sql: Sql, id: Digest): boolean {
  return sql.get("SELECT 1 FROM image WHERE id = ?", id) !== undefined;
}

/** Take a name away. */
export function untag({ sql, steps }: Removal, name: string): void {
  sql.run("DELETE FROM image_reference WHERE reference = ?", name);
  sql.run("DELETE FROM repo_digest WHERE reference = ?", name);
  steps.push({ untagged: name });
}

/** The names of an image, those of the indexes that it stands for included. */
export function namesOf(sql: Sql, id: Digest): readonly string[] {
  const rows = sql.all<{ reference: string }>(`SELECT reference FROM ${imageNames} WHERE image_id = ?`, id);
  return sortedNames(rows.map((row) => row.reference));
}

/** Names of an index. */
export function indexNames(sql: Sql, index: Digest): readonly string[] {
  const rows = sql.all<{ reference: string }>(`SELECT reference FROM ${imageNames} WHERE index_digest = ?`, index);
  return sortedNames(rows.map((row) => row.reference));
}

/** IDs of the containers that were made from an image, the oldest first. */
export function usersOf(sql: Sql, id: Digest): readonly string[] {
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
export function isSingle(names: readonly string[]): boolean {
  const tags = names.filter((name) => !name.includes("@"));
  return names.length > 0 && tags.length <= 1 && new Set(names.map(repositoryOf)).size === 1;
}

/** The repository of a name. */
export function repositoryOf(name: string): string {
  return familiarRepository(parseReference(name));
}

/** The error for an image or an index that can't be deleted. */
export function inUse(id: Digest, force: string, why: string): BerthError {
  return new BerthError("conflict", `conflict: unable to delete ${shortID(id)} (${force}) - ${why}`);
}
