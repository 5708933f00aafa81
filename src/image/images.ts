import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { ContentStore } from "../content/content.ts";
import type { Host } from "../host/host.ts";
import type { Database, Sql } from "../metadata/database.ts";
import { type ChainID, chainIDs, type Digest, digestOf, isDigest } from "../oci/digest.ts";
import { type ImageConfig, parseImageConfig, parseNewConfig } from "../oci/image-config.ts";
import { sizeWithBlobs } from "../oci/image-index.ts";
import {
  familiar,
  familiarRepository,
  fullName,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../oci/reference.ts";
import type { Snapshotter } from "../snapshot/snapshotter.ts";
import { manifestsOf } from "./manifest-records.ts";
import { imageNames, resolveTarget, type Target } from "./resolve.ts";

/** What the image room works with. */
export interface ImageDeps {
  readonly host: Host;
  readonly db: Database;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
}

/** What the records alone tell of an image. */
export interface ImageSummary {
  /** Digest of its config: Docker's image ID. */
  readonly id: Digest;
  /** RFC 3339, as its config says. */
  readonly created: string | undefined;
  /** The names that point to it, as Docker shows them, in the order of their whole names: `ubuntu:18.04`. */
  readonly references: readonly string[];
  /** Sum of its layers' sizes, bytes. */
  readonly size: number;
  /** The image that it was committed from, as long as that is known. */
  readonly parent: Digest | undefined;
  /** Digests of the indexes that it is a platform of and doesn't stand for. */
  readonly variantOf: readonly Digest[];
}

/** An image in the store. */
export interface Image extends ImageSummary {
  readonly config: ImageConfig;
}

/** What {@link createImage} takes beside the config. */
export interface CreateOptions {
  /** Names to point at the new image. */
  readonly references?: readonly Reference[];
  readonly parent?: Digest;
}

interface ImageRow {
  readonly id: Digest;
  readonly created: string | null;
  readonly size: number;
  readonly parent: Digest | null;
}

interface NameRow {
  readonly id: Digest;
  readonly reference: string;
}

interface VariantRow {
  readonly id: Digest;
  readonly index: Digest;
}

const columns = "id, created, size, parent";

const variants = `SELECT image_index_entry.image_id AS id, index_digest AS 'index'
  FROM image_index_entry JOIN image_index ON image_index.digest = index_digest
  WHERE image_index_entry.image_id != image_index.image_id`;

/**
 * An image by name, ID or unique ID prefix.
 *
 * @throws {BerthError} not-found `No such image: …`; conflict, when an ID prefix is ambiguous; invalid-argument, for a malformed name
 */
export function getImage(deps: ImageDeps, nameOrID: string): Image {
  const image = findImage(deps, findID(deps, nameOrID));
  if (image === undefined) throw noSuchImage(nameOrID);
  return image;
}

/** The ID of the image that a name means. @throws {BerthError} as {@link getImage} */
export function findID(deps: Pick<ImageDeps, "db">, nameOrID: string): Digest {
  return findTarget(deps, nameOrID).id;
}

/** The image that a name means, and the index where it is one for several platforms. @throws {BerthError} as {@link getImage} */
export function findTarget({ db }: Pick<ImageDeps, "db">, nameOrID: string): Target {
  const target = db.read((sql) => resolveTarget(sql, nameOrID));
  if (target === undefined) throw noSuchImage(nameOrID);
  return target;
}

/** An image by its whole ID, or undefined. */
export function findImage(deps: ImageDeps, id: Digest): Image | undefined {
  const row = deps.db.read((sql) => sql.get<ImageRow>(`SELECT ${columns} FROM image WHERE id = ?`, id));
  return row === undefined ? undefined : toImage(deps, row);
}

/** The bytes of an image's config, as stored. @throws {BerthError} not-found; data-loss */
export function readConfig(deps: ImageDeps, id: Digest): Buffer {
  return deps.content.readAll(id, limits.json);
}

/**
 * Bytes of an image as it travels: of the manifest that it came with, and its blobs. What was made here was never compressed: of its config
 * and the archives of its layers; undefined where a layer of an older store doesn't tell.
 */
export function contentSize({ db }: Pick<ImageDeps, "db">, id: Digest): number | undefined {
  const came = db.read((sql) => manifestsOf(sql, id)).find(({ writer }) => writer === null);
  if (came !== undefined) return sizeWithBlobs(came.bytes);
  const row = db.read((sql) =>
    sql.get<{ config: number | null; layers: number; unknown: number }>(
      `SELECT length(config) AS config, coalesce(sum(layer.bytes), 0) AS layers, count(chain_id) - count(layer.bytes) AS unknown
       FROM image LEFT JOIN image_layer ON image_id = image.id LEFT JOIN layer USING (chain_id) WHERE image.id = ?`,
      id,
    ),
  );
  return row === undefined || row.config === null || row.unknown > 0 ? undefined : row.config + row.layers;
}

/** Every image, newest first. No config is read: that's what {@link getImage} is for. */
export function listImages({ db }: Pick<ImageDeps, "db">): readonly ImageSummary[] {
  const { rows, names, indexed } = db.read((sql) => ({
    rows: sql.all<ImageRow>(`SELECT ${columns} FROM image ORDER BY created DESC, stored_at DESC, id`),
    names: sql.all<NameRow>(`SELECT image_id AS id, reference FROM ${imageNames}`),
    indexed: sql.all<VariantRow>(variants),
  }));
  const byImage = Map.groupBy(names, ({ id }) => id);
  const indexesOf = Map.groupBy(indexed, ({ id }) => id);
  return rows.map((row) => toSummary(row, byImage.get(row.id) ?? [], indexesOf.get(row.id) ?? []));
}

/**
 * Store an image whose layers are committed snapshots: first its config, then one record.
 * An image with the same config is the same image; only the names are added.
 */
export async function createImage(deps: ImageDeps, config: ImageConfig, options: CreateOptions = {}): Promise<Image> {
  const { references = [], ...image } = options;
  const bytes = Buffer.from(JSON.stringify(config));
  const id = digestOf(bytes);
  if (!(await referToRecorded(deps, id, references))) {
    await storeConfigs(deps, [{ bytes, ...image }], (sql) => pointAll(sql, references, id));
  }
  return getImage(deps, id);
}

function pointAll(sql: Sql, references: readonly Reference[], id: Digest): void {
  for (const reference of references) pointReference(sql, reference, { id, index: undefined });
}

/** Give names to an image that is here already, with all that it needs. @returns false where it isn't, and nothing was done */
async function referToRecorded(
  { db, content }: ImageDeps,
  id: Digest,
  references: readonly Reference[],
): Promise<boolean> {
  if (content.verify(id) !== "whole") return false;
  const isHere = (sql: Sql): boolean =>
    sql.get("SELECT 1 FROM image WHERE id = ? AND config IS NOT NULL", id) !== undefined;
  const pointIf = (sql: Sql, holds: boolean): boolean => {
    if (holds) pointAll(sql, references, id);
    return holds;
  };
  // Of names that lead there already the time alone is new, which isn't worth the wait for the disk.
  const leadThere = (sql: Sql): boolean => references.every((reference) => pointsTo(sql, reference, id));
  return (
    (await db.write((sql) => pointIf(sql, isHere(sql) && leadThere(sql)), { durable: false })) ||
    (await db.write((sql) => pointIf(sql, isHere(sql))))
  );
}

/** A config, as bytes. */
export interface NewConfig extends Pick<CreateOptions, "parent"> {
  readonly bytes: Buffer;
}

/**
 * Store images whose layers are committed snapshots: first their configs, then their records and what `refer` records of
 * them, in one transaction.
 */
export async function storeConfigs(
  deps: ImageDeps,
  configs: readonly NewConfig[],
  refer: (sql: Sql) => void,
): Promise<void> {
  const images = configs.map((config) => describe(deps, config));
  await deps.snapshotter.flush();
  await using held = new AsyncDisposableStack();
  for (const { id, bytes } of images) {
    held.use(await deps.snapshotter.holdBlob(id));
    await deps.content.put(bytes);
  }
  await deps.db.write((sql) => {
    for (const image of images) recordImage(sql, image);
    refer(sql);
  });
  await deps.snapshotter.referred(images.flatMap(({ chains }) => chains));
}

interface NewImage extends NewConfig {
  readonly id: Digest;
  readonly created: string | null;
  readonly size: number;
  readonly chains: readonly ChainID[];
}

/** @throws {BerthError} not-found, without one of its layers */
function describe({ snapshotter }: ImageDeps, config: NewConfig): NewImage {
  const { rootfs, created = null } = parseNewConfig(config.bytes);
  const chains = chainIDs(rootfs.diff_ids);
  const layers = chains.map((chain) => snapshotter.find(chain));
  const missing = layers.indexOf(undefined);
  if (missing >= 0) throw new BerthError("not-found", `layer ${chains[missing]} does not exist`);
  const size = layers.reduce((sum, layer) => sum + (layer?.size ?? 0), 0);
  return { ...config, id: digestOf(config.bytes), created, size, chains };
}

function recordImage(sql: Sql, { id, bytes, created, size, parent, chains }: NewImage): void {
  sql.run(
    `INSERT INTO image (id, created, size, parent, stored_at, config) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET config = excluded.config`,
    ...[id, created, size, parent ?? null, new Date().toISOString(), bytes],
  );
  for (const chain of chains) {
    const there = sql.get("SELECT 1 FROM layer WHERE chain_id = ?", chain);
    if (there === undefined) throw new BerthError("not-found", `layer ${chain} was removed meanwhile`);
    sql.run("INSERT INTO image_layer (image_id, chain_id) VALUES (?, ?) ON CONFLICT DO NOTHING", id, chain);
  }
}

/**
 * Point a name at an image; the name may have pointed elsewhere.
 *
 * @throws {BerthError} not-found; invalid-argument, when the name is malformed or has a digest
 */
export async function tagImage(deps: ImageDeps, source: string, name: string): Promise<void> {
  const reference = parseTag(name);
  await deps.db.write((sql) => {
    const target = resolveTarget(sql, source);
    if (target === undefined) throw noSuchImage(source);
    pointReference(sql, reference, target);
  });
}

/**
 * Read a name that an image is to get: `:latest` where no tag is given.
 *
 * @param noDigest what is said of a name with a digest: Docker's verbs have words of their own
 * @throws {BerthError} invalid-argument
 */
export function parseTag(name: string, noDigest = "refusing to create a tag with a digest reference"): Reference {
  const reference = withDefaultTag(parseReference(name));
  if (reference.digest !== undefined) throw new BerthError("invalid-argument", noDigest);
  if (familiarRepository(reference) === "sha256") {
    const message = "refusing to create an ambiguous tag using digest algorithm as name";
    throw new BerthError("invalid-argument", message);
  }
  return reference;
}

/** When an image got the last of the names that it has, RFC 3339; undefined without a name. */
export function lastTagged({ db }: Pick<ImageDeps, "db">, id: Digest): string | undefined {
  const newest = "SELECT max(tagged_at) AS time FROM image_reference WHERE image_id = ?";
  return db.read((sql) => sql.get<{ time: string | null }>(newest, id))?.time ?? undefined;
}

/** The error for a name that no image has. */
export function noSuchImage(nameOrID: string): BerthError {
  return new BerthError("not-found", `No such image: ${shownName(nameOrID)}`, {
    hint: "`berth image ls` lists the images in the store; `berth import` and `berth build` make them.",
  });
}

function shownName(nameOrID: string): string {
  if (isDigest(`sha256:${nameOrID}`)) return `sha256:${nameOrID}`;
  try {
    return familiar(withDefaultTag(parseReference(nameOrID)));
  } catch (error) {
    if (error instanceof BerthError) return nameOrID;
    throw error;
  }
}

/** Point a name at an image or an index, within a transaction. */
export function pointReference(sql: Sql, reference: Reference, { id, index }: Target): void {
  const name = familiar(reference);
  sql.run(
    `INSERT INTO image_reference (reference, image_id, index_digest, tagged_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (reference) DO UPDATE
     SET image_id = excluded.image_id, index_digest = excluded.index_digest, tagged_at = excluded.tagged_at`,
    ...[name, id, index ?? null, new Date().toISOString()],
  );
}

/** Whether a name leads to this image, and to no index. */
function pointsTo(sql: Sql, reference: Reference, id: Digest): boolean {
  const query = "SELECT 1 FROM image_reference WHERE reference = ? AND image_id = ? AND index_digest IS NULL";
  return sql.get(query, familiar(reference), id) !== undefined;
}

function toImage(deps: ImageDeps, row: ImageRow): Image {
  const { names, indexes } = deps.db.read((sql) => ({
    names: sql.all<NameRow>(`SELECT image_id AS id, reference FROM ${imageNames} WHERE image_id = ?`, row.id),
    indexes: sql.all<VariantRow>(`${variants} AND image_index_entry.image_id = ?`, row.id),
  }));
  return { ...toSummary(row, names, indexes), config: parseImageConfig(readConfig(deps, row.id)) };
}

function toSummary(
  { id, created, size, parent }: ImageRow,
  names: readonly NameRow[],
  indexes: readonly VariantRow[],
): ImageSummary {
  return {
    id,
    created: created ?? undefined,
    references: sortedNames(names.map(({ reference }) => reference)),
    size,
    parent: parent ?? undefined,
    variantOf: indexes.map(({ index }) => index),
  };
}

/** Names in Docker's order, which is that of the whole names: `team/app` before `busybox`, which is `library/busybox`. */
export function sortedNames(names: readonly string[]): readonly string[] {
  if (names.length < 2) return names;
  const keyed = names.map((name) => ({ name, key: fullName(parseReference(name)) }));
  return keyed.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ name }) => name);
}
