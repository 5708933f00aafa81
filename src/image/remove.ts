import { BerthError } from "../base/errors.ts";
import { shortID } from "../base/ids.ts";
import type { Sql } from "../metadata/database.ts";
import { recordEvent } from "../metadata/events.ts";
import type { Digest } from "../oci/digest.ts";
import { familiar, parseReference, withDefaultTag } from "../oci/reference.ts";
import { collectConfigs } from "./collect-configs.ts";
import { type ImageDeps, noSuchImage } from "./images.ts";
import { resolveImageID } from "./resolve.ts";

/** One line that `rmi` prints. */
export type Removed = { readonly untagged: string } | { readonly deleted: string };

/** What {@link removeImage} may do and has to know. */
export interface RemoveOptions {
  readonly force: boolean;
  /** True for a container that runs now: no force removes its image. */
  readonly isRunning: (containerID: string) => boolean;
}

/**
 * Untag a name, and delete the image when it was the last one and nothing uses it; or delete an image by its ID.
 *
 * @throws {BerthError} not-found; conflict, in Docker's words, when a container or a child uses it
 */
export async function removeImage(
  deps: ImageDeps,
  nameOrID: string,
  options: RemoveOptions,
): Promise<readonly Removed[]> {
  const lines = await deps.db.write((sql) => {
    const id = resolveImageID(sql, nameOrID);
    if (id === undefined) throw noSuchImage(nameOrID);
    const names = referencesOf(sql, id);
    const name = nameMeant(nameOrID, names);
    if (name !== undefined && names.length > 1) return untag(sql, id, [name]);
    return removeWhole(sql, { id, names, name, given: nameOrID, options });
  });
  if (!lines.some((line) => "deleted" in line)) return lines;
  const freed = await deps.snapshotter.collect();
  await collectConfigs(deps);
  return [...lines, ...freed.layers.map((chain) => ({ deleted: chain }))];
}

interface Target {
  readonly id: Digest;
  readonly names: readonly string[];
  /** The name that the user meant; undefined when it was an ID. */
  readonly name: string | undefined;
  /** What the user typed. */
  readonly given: string;
  readonly options: RemoveOptions;
}

function removeWhole(sql: Sql, target: Target): readonly Removed[] {
  const { id, names, name, options } = target;
  const users = sql.all<{ id: string }>("SELECT id FROM container WHERE image_id = ?", id).map((row) => row.id);
  const running = users.find((user) => options.isRunning(user));
  const child = sql.get("SELECT 1 FROM image WHERE parent = ?", id);
  if (name !== undefined) {
    const user = running ?? users[0];
    if (user !== undefined && !options.force) throw referenceInUse(target.given, user, id);
    const lines = untag(sql, id, [name]);
    // The name goes in any case; the image stays for whoever needs it, without a word, as in Docker.
    return running !== undefined || child !== undefined || users.length > 0 ? lines : [...lines, ...drop(sql, id)];
  }
  if (running !== undefined)
    throw inUse(id, "cannot be forced", `image is being used by running container ${shortID(running)}`);
  if (child !== undefined) throw inUse(id, "cannot be forced", "image has dependent child images");
  if (!options.force && names.length > 1)
    throw inUse(id, "must be forced", "image is referenced in multiple repositories");
  const [user] = users;
  if (!options.force && user !== undefined) {
    throw inUse(id, "must be forced", `image is being used by stopped container ${shortID(user)}`);
  }
  return [...untag(sql, id, names), ...drop(sql, id)];
}

function referencesOf(sql: Sql, id: Digest): readonly string[] {
  return sql
    .all<{ reference: string }>("SELECT reference FROM image_reference WHERE image_id = ? ORDER BY reference", id)
    .map((row) => row.reference);
}

function nameMeant(nameOrID: string, names: readonly string[]): string | undefined {
  if (nameOrID.startsWith("sha256:") || /^[a-f0-9]{64}$/.test(nameOrID)) return undefined;
  const name = familiar(withDefaultTag(parseReference(nameOrID)));
  return names.includes(name) ? name : undefined;
}

function untag(sql: Sql, id: Digest, names: readonly string[]): readonly Removed[] {
  for (const name of names) {
    sql.run("DELETE FROM image_reference WHERE reference = ?", name);
    recordEvent(sql, { type: "image", action: "untag", id, attributes: { name } });
  }
  return names.map((name) => ({ untagged: name }));
}

function drop(sql: Sql, id: Digest): readonly Removed[] {
  sql.run("DELETE FROM image_layer WHERE image_id = ?", id);
  sql.run("DELETE FROM image WHERE id = ?", id);
  recordEvent(sql, { type: "image", action: "delete", id });
  return [{ deleted: id }];
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
