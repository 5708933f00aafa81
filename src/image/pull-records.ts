import type { Sql } from "../metadata/database.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import { familiar, type Reference } from "../oci/reference.ts";
import { type ImageDeps, pointReference, storeConfigs } from "./images.ts";
import { type NewEntry, recordIndex } from "./index-records.ts";
import { type KeptBlob, recordManifest, recordRepoDigest } from "./manifest-records.ts";
import type { RemoteImage } from "./remote-image.ts";
import type { Target } from "./resolve.ts";

/** What an image that comes in is called. */
export interface ArrivalNames {
  /** The tag that it gets here. */
  readonly tag?: Reference;
  /** The repository that it came from. */
  readonly repository?: Pick<Reference, "domain" | "path">;
}

/** Whether all that is recorded of an image that comes in is recorded already. */
export function isRecorded({ db }: Pick<ImageDeps, "db">, names: ArrivalNames, remote: RemoteImage): boolean {
  return db.read((sql) => {
    if (!hasImage(sql, remote)) return false;
    const { tag, repository } = names;
    const digest = remote.root.descriptor.digest;
    const targets: (Target | undefined)[] = [];
    if (repository !== undefined) {
      const { domain, path } = repository;
      targets.push(targetOf(sql, "repo_digest", familiar({ domain, path, digest })));
    }
    if (tag !== undefined) targets.push(targetOf(sql, "image_reference", familiar(tag)));
    const isMeant = (target: Target | undefined): boolean =>
      remote.index === undefined ? target?.id === remote.parts.config.digest : target?.index === digest;
    return targets.every(isMeant);
  });
}

function hasImage(sql: Sql, { index, manifest, parts }: RemoteImage): boolean {
  const by = manifest.descriptor.digest;
  const row =
    index === undefined
      ? sql.get("SELECT 1 FROM image_manifest WHERE digest = ? AND image_id = ?", by, parts.config.digest)
      : sql.get(
          "SELECT 1 FROM image_index_entry WHERE index_digest = ? AND digest = ? AND image_id = ?",
          ...[index.descriptor.digest, by, parts.config.digest],
        );
  return row !== undefined;
}

function targetOf(sql: Sql, table: "repo_digest" | "image_reference", reference: string): Target | undefined {
  const row = sql.get<{ id: Digest; index: Digest | null }>(
    `SELECT image_id AS id, index_digest AS 'index' FROM ${table} WHERE reference = ?`,
    reference,
  );
  return row === undefined ? undefined : { id: row.id, index: row.index ?? undefined };
}

/** What came in, its layers being committed and its blobs kept. */
export interface Pulled {
  readonly remote: RemoteImage;
  readonly config: { readonly bytes: Buffer; readonly parsed: ImageConfig };
  /** Blobs of its layers that are in the store. */
  readonly blobs: readonly KeptBlob[];
}

/** What {@link recordPulled} records. */
export interface Arrived {
  readonly names: ArrivalNames;
  /** One; or those of an index that came, each once. */
  readonly images: readonly [Pulled, ...Pulled[]];
  /** What else of the index is here: the indexes in it, and what attests to its images. */
  readonly beside: readonly NewEntry[];
  /** Whether the manifest was made for an image that had none. */
  readonly isMade: boolean;
}

/** Record an image that came in, and what its registry calls it, in one transaction. */
export async function recordPulled(deps: ImageDeps, arrived: Arrived): Promise<void> {
  const { names, images } = arrived;
  const [{ remote }] = images;
  const { digest } = remote.root.descriptor;
  const { tag, repository } = names;
  const configs = images.map(({ config }) => ({ bytes: config.bytes }));
  await storeConfigs(deps, configs, (sql) => {
    const target = recordTarget(sql, arrived);
    if (repository !== undefined) recordRepoDigest(sql, { ...repository, digest }, target);
    if (tag !== undefined) pointReference(sql, tag, target);
  });
}

function recordTarget(sql: Sql, { images, beside, isMade }: Arrived): Target {
  const [{ remote, config, blobs }] = images;
  const { index, manifest } = remote;
  if (index !== undefined) {
    const { digest, mediaType } = index.descriptor;
    const entries = [...images.map(entryOf), ...beside];
    return { id: recordIndex(sql, { digest, mediaType, bytes: index.bytes, entries }), index: digest };
  }
  const { digest, mediaType } = manifest.descriptor;
  const imageID = digestOf(config.bytes);
  const diffIDs = config.parsed.rootfs.diff_ids;
  // A push compresses what came plain, and makes a manifest of its own.
  const isNeeded = !isMade || blobs.length > 0;
  if (isNeeded) recordManifest(sql, { digest, mediaType, bytes: manifest.bytes, imageID, diffIDs, blobs });
  return { id: imageID, index: undefined };
}

function entryOf({ remote: { manifest, platform }, config, blobs }: Pulled): NewEntry {
  const { digest } = manifest.descriptor;
  return {
    digest,
    manifest: manifest.bytes,
    imageID: digestOf(config.bytes),
    platform: platform ?? config.parsed,
    blobs,
  };
}
