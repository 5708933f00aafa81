import { levelOf, writerOf } from "../archive/compress.ts";
import type { BatchOptions } from "../archive/tar-parts.ts";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Sql } from "../metadata/database.ts";
import type { ChainID, DiffID, Digest } from "../oci/digest.ts";
import { type LayerCompression, layerCompression, mediaTypeIn } from "../oci/image-index.ts";
import { archiveLength } from "../snapshot/layer-archive.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import type { RepositoryName } from "./cache-records.ts";
import { type Image, type ImageDeps, noSuchImage, readConfig } from "./images.ts";
import {
  builtWriter,
  forgetPackedLayer,
  layersIn,
  manifestsOf,
  type PackedLayer,
  packedLayer,
  packedLayersOf,
  recordManifest,
  recordPackedLayers,
} from "./manifest-records.ts";
import { type ImageManifest, layerTypes, ociManifest } from "./oci-manifest.ts";
import { formatOf, packAll, packLayer } from "./pack-layer.ts";
import { isPulled } from "./remote-image.ts";
import { isStored } from "./removal.ts";
import { layersOf } from "./save-whole.ts";

/** How {@link manifestOf} makes one. */
export interface ManifestOptions extends Operation {
  /** How each layer is to be compressed. When absent: as it came, or with gzip. */
  readonly compression?: LayerCompression;
  /** The level of what berth compresses; its own when absent. */
  readonly level?: number;
  /** Leave layers that came compressed as they came, however `compression` is. */
  readonly keepsWhatCame?: boolean;
  /** Where it goes: of several manifests that the image came with, the one from there comes first. */
  readonly repository?: RepositoryName;
}

/**
 * The manifest that a push of an image sends: the one that it came with, or else OCI's, in which a layer that came compressed
 * has the bytes that it came with, and others are compressed by berth. What isn't known yet is compressed now, to nowhere; what
 * comes out is recorded. Equal images have equal manifests in any store, unless their layers came compressed differently.
 *
 * @throws {BerthError} not-found, when the image is removed meanwhile; data-loss, naming a layer that is damaged
 */
export async function manifestOf(deps: ImageDeps, image: Image, options: ManifestOptions = {}): Promise<ImageManifest> {
  const { compression, level } = options;
  const came = manifestThatCame(deps, image, options);
  if (came !== undefined) return came;
  const layers = layersOf(deps, image);
  const { known, made } = await packedLayers(deps, layers, options);
  const manifest = ociManifest(
    { digest: image.id, size: readConfig(deps, image.id).length },
    layers.flatMap(({ diffID }) => known.get(diffID) ?? []),
  );
  if (await record(deps, image, { manifest, made, compression, level })) return manifest;
  // A blob was given up meanwhile.
  return await manifestOf(deps, image, options);
}

/** A layer of an image, and the form that {@link manifestOf} sends it in: undefined where it has yet to be compressed. */
export interface LayerForm {
  readonly layer: Layer;
  readonly packed: PackedLayer | undefined;
}

/** The layers of an image as its manifest has them, as far as that is known; the bottom one first. Nothing is compressed. */
export function packedForms(deps: ImageDeps, image: Image, options: ManifestOptions = {}): readonly LayerForm[] {
  const came = manifestThatCame(deps, image, options);
  return layersOf(deps, image).map((layer, place) => {
    return { layer, packed: came === undefined ? knownForm(deps, layer, options) : came.layers[place] };
  });
}

/**
 * The bytes of a packed layer: those that are kept, or else made again from the layer; checked against the digest at the end.
 *
 * @throws {BerthError} not-found, when its layer isn't in the store or its bytes can't be made; data-loss, when they are damaged;
 *   internal, at the end, when compressing it again gave other bytes: `manifestOf` makes a new manifest then
 */
export async function* packedBytes(
  deps: ImageDeps,
  packed: Pick<PackedLayer, "digest" | "diffID">,
  options: Operation & BatchOptions = {},
): AsyncGenerator<Uint8Array> {
  const { digest, diffID } = packed;
  if (digest !== diffID && deps.content.has(digest)) return yield* deps.content.read(digest);
  const { layer, record } = deps.db.read((sql) => ({
    layer: sql.get<{ chain: ChainID }>("SELECT chain_id AS chain FROM layer WHERE diff_id = ?", diffID)?.chain,
    record: packedLayer(sql, digest),
  }));
  const found = layer === undefined ? undefined : deps.snapshotter.find(layer);
  if (found === undefined) throw new BerthError("not-found", `layer ${diffID} is not in the store`);
  if (digest === diffID) return yield* deps.snapshotter.archive(found, options);
  const format = formatOf(record?.mediaType);
  const level = format === undefined ? undefined : levelOf(record?.writer, format);
  if (format === undefined || level === undefined) {
    throw new BerthError("not-found", `the compressed bytes ${digest} of layer ${diffID} are not in the store`);
  }
  const packing = packLayer(deps, found, { ...options, format, level });
  yield* packing.bytes;
  if (packing.packed().digest === digest) return;
  await deps.db.write((sql) => forgetPackedLayer(sql, digest));
  throw otherBytes(packing.packed(), digest);
}

/** The manifest that an image came with, where it can still be sent, and its layers are compressed as is wanted. */
export function manifestThatCame(
  deps: ImageDeps,
  image: Image,
  { compression, keepsWhatCame = false, repository }: ManifestOptions = {},
): ImageManifest | undefined {
  const wanted = keepsWhatCame ? undefined : compression;
  return deps.db.read((sql) => {
    const usable = manifestsCameWith(sql, image).filter(({ layers }) =>
      layers.every((layer) => isCompressed(layer, wanted) && isThere(deps, sql, layer)),
    );
    const isFromThere = ({ digest }: ImageManifest): boolean =>
      repository !== undefined && isPulled(sql, repository, digest);
    return usable.find(isFromThere) ?? usable[0];
  });
}

/** The manifests that an image came with: its own, and those by which it is a platform of indexes. */
function manifestsCameWith(sql: Sql, { id, config }: Image): readonly ImageManifest[] {
  const own = manifestsOf(sql, id).filter(({ writer }) => writer === null);
  const entries = sql.all<{ digest: Digest; bytes: Uint8Array }>(
    `SELECT entry.digest, entry.manifest AS bytes FROM image_index_entry AS entry WHERE image_id = ?
       AND NOT EXISTS (SELECT 1 FROM image_manifest AS own WHERE own.digest = entry.digest AND own.writer = ?)
     ORDER BY entry.rowid`,
    ...[id, builtWriter],
  );
  return [...own, ...entries.map((entry) => ({ ...entry, mediaType: mediaTypeIn(entry.bytes) }))].flatMap((each) => {
    const layers = layersIn(each.bytes, config.rootfs.diff_ids);
    return layers === undefined ? [] : [{ ...each, bytes: Buffer.from(each.bytes), layers }];
  });
}

/** Whether a layer is compressed as is wanted; in any way when that is undefined. */
function isCompressed({ digest, diffID, mediaType }: PackedLayer, wanted: LayerCompression | undefined): boolean {
  return wanted === undefined || wanted === (digest === diffID ? "none" : layerCompression(mediaType));
}

/** Whether the store can give a layer's bytes. */
function isThere({ content }: ImageDeps, sql: Sql, { digest, diffID, mediaType }: PackedLayer): boolean {
  if (digest === diffID || content.has(digest)) return true;
  const format = formatOf(mediaType);
  return format !== undefined && levelOf(packedLayer(sql, digest)?.writer, format) !== undefined;
}

interface PackedLayers {
  readonly known: ReadonlyMap<DiffID, PackedLayer>;
  /** Those that were compressed just now. */
  readonly made: readonly PackedLayer[];
}

async function packedLayers(
  deps: ImageDeps,
  layers: readonly Layer[],
  options: ManifestOptions,
): Promise<PackedLayers> {
  const { compression, level, keepsWhatCame: _, repository: __, ...operation } = options;
  const known = new Map<DiffID, PackedLayer>();
  const missing = new Map<DiffID, Layer>();
  for (const layer of layers) {
    const found = knownForm(deps, layer, options);
    if (found === undefined) missing.set(layer.diffID, layer);
    else known.set(layer.diffID, found);
  }
  if (compression === "none") {
    for (const plain of await plainLayers(deps, [...missing.values()])) known.set(plain.diffID, plain);
    return { known, made: [] };
  }
  const made = await packAll(deps, [...missing.values()], { ...operation, format: compression ?? "gzip", level });
  for (const packed of made) known.set(packed.diffID, packed);
  return { known, made };
}

/** Layers as they are, not compressed. */
export async function plainLayers(
  { snapshotter }: Pick<ImageDeps, "snapshotter">,
  layers: readonly Layer[],
): Promise<readonly PackedLayer[]> {
  const lengths = new Map<DiffID, number>();
  for (const layer of layers) {
    if (lengths.has(layer.diffID)) continue;
    lengths.set(layer.diffID, await archiveLength((each) => snapshotter.archive(each), layer));
  }
  return layers.map(({ diffID }) => {
    return { digest: diffID, diffID, mediaType: layerTypes.none, size: lengths.get(diffID) ?? 0 };
  });
}

/** The bytes that a layer came with, where they are kept; or else what berth made of it before. */
export function knownForm(
  { db, content }: ImageDeps,
  { diffID }: Layer,
  { compression, level, keepsWhatCame = false }: ManifestOptions,
): PackedLayer | undefined {
  if (compression === "none" && !keepsWhatCame) return undefined;
  const forms = db
    .read((sql) => packedLayersOf(sql, diffID))
    .flatMap((record) => {
      const format = formatOf(record.mediaType);
      return format === undefined ? [] : [{ record, format }];
    });
  const made = compression ?? "gzip";
  const isAny = compression === undefined || keepsWhatCame;
  const form =
    forms.find(({ record, format }) => (isAny || format === made) && content.has(record.digest)) ??
    forms.find(({ record, format }) => format === made && record.writer === writerOf(format, level));
  if (form === undefined) return undefined;
  const { digest, size } = form.record;
  return { digest, diffID, mediaType: layerTypes[form.format], size };
}

interface Made {
  readonly manifest: ImageManifest;
  /** Its layers that were compressed just now. */
  readonly made: readonly PackedLayer[];
  readonly compression: LayerCompression | undefined;
  readonly level: number | undefined;
}

/** Record a manifest, and what is kept for it. @returns false, when a layer of it can't be had any more */
async function record(
  deps: ImageDeps,
  image: Image,
  { manifest, made, compression = "gzip", level }: Made,
): Promise<boolean> {
  const writer = compression === "none" ? compression : writerOf(compression, level);
  return await deps.db.write((sql) => {
    if (!isStored(sql, image.id)) throw noSuchImage(image.id);
    recordPackedLayers(sql, made, writer);
    if (!manifest.layers.every((layer) => isThere(deps, sql, layer))) return false;
    const blobs = manifest.layers.filter(({ digest }) => deps.content.has(digest));
    recordManifest(sql, { ...manifest, imageID: image.id, diffIDs: image.config.rootfs.diff_ids, blobs, writer });
    return true;
  });
}

function otherBytes({ digest, diffID }: PackedLayer, before: string): BerthError {
  const message = `layer ${diffID}, compressed again, has the digest ${digest} instead of ${before}`;
  return new BerthError("internal", message, {
    hint: "Nothing is lost: another machine or version compresses differently. Try again: the image gets a new manifest.",
  });
}
