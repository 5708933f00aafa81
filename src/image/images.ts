import { BerthError } from "../base/errors.ts";
import type { ContentStore } from "../content/content.ts";
import type { Host } from "../host/host.ts";
import type { Database } from "../metadata/database.ts";
import { recordEvent } from "../metadata/events.ts";
import { chainIDs, type Digest, digestOf } from "../oci/digest.ts";
import { type ImageConfig, parseImageConfig } from "../oci/image-config.ts";
import { familiar, parseReference, type Reference, withDefaultTag } from "../oci/reference.ts";
import type { Snapshotter } from "../snapshot/snapshotter.ts";
import { resolveImageID } from "./resolve.ts";

/** Most bytes of an image config, as containerd's limit for configs. */
const configLimit = 8 << 20;

/** What the image room works with. */
export interface ImageDeps {
  readonly host: Host;
  readonly db: Database;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
}

/** An image in the store. */
export interface Image {
  /** Digest of its config: Docker's image ID. */
  readonly id: Digest;
  readonly config: ImageConfig;
  /** The names that point to it, as Docker shows them, sorted: `ubuntu:18.04`. */
  readonly references: readonly string[];
  /** Sum of its layers' sizes, bytes. */
  readonly size: number;
  /** The image that it was committed from, as long as that is known. */
  readonly parent: Digest | undefined;
}

/** What {@link createImage} takes beside the config. */
export interface CreateOptions {
  /** Names to point at the new image. */
  readonly references?: readonly Reference[];
  readonly parent?: Digest;
}

interface ImageRow {
  readonly id: Digest;
  readonly size: number;
  readonly parent: Digest | null;
}

/**
 * An image by name, ID or unique ID prefix.
 *
 * @throws {BerthError} not-found `No such image: …`; conflict, when an ID prefix is ambiguous; invalid-argument, for a malformed name
 */
export function getImage(deps: ImageDeps, nameOrID: string): Image {
  const id = deps.db.read((sql) => resolveImageID(sql, nameOrID));
  const image = id === undefined ? undefined : findImage(deps, id);
  if (image === undefined) throw noSuchImage(nameOrID);
  return image;
}

/** An image by its whole ID, or undefined. */
export function findImage(deps: ImageDeps, id: Digest): Image | undefined {
  const row = deps.db.read((sql) => sql.get<ImageRow>("SELECT id, size, parent FROM image WHERE id = ?", id));
  return row === undefined ? undefined : toImage(deps, row);
}

/** The bytes of an image's config, as stored. @throws {BerthError} not-found; data-loss */
export function readConfig(deps: ImageDeps, id: Digest): Buffer {
  return deps.content.readAll(id, configLimit);
}

/** Every image, newest first. */
export function listImages(deps: ImageDeps): readonly Image[] {
  const rows = deps.db.read((sql) =>
    sql.all<ImageRow>("SELECT id, size, parent FROM image ORDER BY created DESC, stored_at DESC, id"),
  );
  return rows.map((row) => toImage(deps, row));
}

/**
 * Store an image whose layers are committed snapshots: first its config, then one record.
 * An image with the same config is the same image; only the names are added.
 */
export async function createImage(deps: ImageDeps, config: ImageConfig, options: CreateOptions = {}): Promise<Image> {
  const text = JSON.stringify(config);
  return storeConfig(deps, Buffer.from(text), options);
}

/** {@link createImage} from the bytes of a config, which are kept as they are. */
export async function storeConfig(deps: ImageDeps, bytes: Buffer, options: CreateOptions = {}): Promise<Image> {
  const config = parseImageConfig(bytes);
  const chains = chainIDs(config.rootfs.diff_ids);
  const layers = chains.map((chain) => deps.snapshotter.find(chain));
  const missing = layers.indexOf(undefined);
  if (missing >= 0) throw new BerthError("not-found", `layer ${chains[missing]} does not exist`);
  await deps.snapshotter.flush();
  await using _held = await deps.snapshotter.holdBlob(digestOf(bytes));
  const id = await deps.content.put(bytes);
  const size = layers.reduce((sum, layer) => sum + (layer?.size ?? 0), 0);
  const now = new Date().toISOString();
  await deps.db.write((sql) => {
    sql.run(
      "INSERT INTO image (id, created, size, parent, stored_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
      id,
      config.created ?? null,
      size,
      options.parent ?? null,
      now,
    );
    for (const chain of chains) {
      sql.run("INSERT INTO image_layer (image_id, chain_id) VALUES (?, ?) ON CONFLICT DO NOTHING", id, chain);
    }
    for (const reference of options.references ?? []) pointReference(sql, reference, id);
  });
  return getImage(deps, id);
}

/**
 * Point a name at an image; the name may have pointed elsewhere.
 *
 * @throws {BerthError} not-found; invalid-argument, when the name is malformed or has a digest
 */
export async function tagImage(deps: ImageDeps, source: string, name: string): Promise<void> {
  const reference = parseTag(name);
  await deps.db.write((sql) => {
    const id = resolveImageID(sql, source);
    if (id === undefined) throw noSuchImage(source);
    pointReference(sql, reference, id);
  });
}

/** Read a name that an image is to get: `:latest` where no tag is given. @throws {BerthError} invalid-argument */
export function parseTag(name: string): Reference {
  const reference = withDefaultTag(parseReference(name));
  if (reference.digest !== undefined) {
    throw new BerthError("invalid-argument", "refusing to create a tag with a digest reference");
  }
  return reference;
}

/** The error for a name that no image has. */
export function noSuchImage(nameOrID: string): BerthError {
  return new BerthError("not-found", `No such image: ${shownName(nameOrID)}`, {
    hint: "`berth image ls` lists the images in the store; `berth import` and `berth build` make them.",
  });
}

function shownName(nameOrID: string): string {
  try {
    return familiar(withDefaultTag(parseReference(nameOrID)));
  } catch (error) {
    if (error instanceof BerthError) return nameOrID;
    throw error;
  }
}

function pointReference(sql: Parameters<Parameters<Database["write"]>[0]>[0], reference: Reference, id: string): void {
  const name = familiar(reference);
  sql.run(
    `INSERT INTO image_reference (reference, image_id, tagged_at) VALUES (?, ?, ?)
     ON CONFLICT (reference) DO UPDATE SET image_id = excluded.image_id, tagged_at = excluded.tagged_at`,
    name,
    id,
    new Date().toISOString(),
  );
  recordEvent(sql, { type: "image", action: "tag", id, attributes: { name } });
}

function toImage(deps: ImageDeps, row: ImageRow): Image {
  const references = deps.db.read((sql) =>
    sql.all<{ reference: string }>(
      "SELECT reference FROM image_reference WHERE image_id = ? ORDER BY reference",
      row.id,
    ),
  );
  return {
    id: row.id,
    config: parseImageConfig(readConfig(deps, row.id)),
    references: references.map(({ reference }) => reference),
    size: row.size,
    parent: row.parent ?? undefined,
  };
}
