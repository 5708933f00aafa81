import { BerthError } from "../base/errors.ts";
import { chainIDs, type Digest, digestOf } from "../oci/digest.ts";
import type { ImageConfig } from "../oci/image-config.ts";
import { type Descriptor, indexType } from "../oci/image-index.ts";
import type { Platform } from "../oci/platform.ts";
import type { Reference } from "../oci/reference.ts";
import { attestationEntry, attestationManifest, type Statement, statementBytes } from "./attestations.ts";
import { type ImageDeps, pointReference, storeConfigs } from "./images.ts";
import { type NewEntry, recordIndex } from "./index-records.ts";
import { builtWriter, recordManifest } from "./manifest-records.ts";
import { plainLayers } from "./manifests.ts";
import { type ImageManifest, ociManifest, withAnnotations } from "./oci-manifest.ts";

/** Names and values that go with a manifest or an index. @see image-spec v1.1 annotations.md */
export type Annotations = Readonly<Record<string, string>>;

/** An image that was built, on its way into an index. */
export interface IndexedImage {
  readonly config: ImageConfig;
  readonly platform: Platform;
  /** Of its manifest. */
  readonly annotations?: Annotations;
  /** Of what the index says of it. */
  readonly descriptorAnnotations?: Annotations;
  /** What is said of it. */
  readonly statements?: readonly Statement[];
  /** How statements name it, as package URLs. */
  readonly subjects?: readonly string[];
}

/** What {@link createIndex} takes beside the images. */
export interface IndexOptions {
  readonly references: readonly Reference[];
  readonly annotations?: Annotations;
}

/** An index that is in the store. */
export interface CreatedIndex {
  readonly digest: Digest;
  /** The image that stands for it. */
  readonly imageID: Digest;
}

/**
 * Store images whose layers are committed snapshots as one for several platforms. Nothing of them is compressed or copied: in the
 * store their manifests name layers as they are; a push, and whatever else compresses them, has another index, with the same contents.
 *
 * @throws {BerthError} not-found, without one of the layers
 */
export async function createIndex(
  deps: ImageDeps,
  images: readonly [IndexedImage, ...IndexedImage[]],
  { references, annotations }: IndexOptions,
): Promise<CreatedIndex> {
  const made: MadeImage[] = [];
  for (const image of images) made.push(await describe(deps, image));
  const bytes = json({
    schemaVersion: 2,
    mediaType: indexType,
    manifests: [
      ...made.map(({ descriptor }) => descriptor),
      ...made.flatMap(({ attested }) => attested?.descriptor ?? []),
    ],
    ...(annotations === undefined ? {} : { annotations }),
  });
  const digest = digestOf(bytes);
  await using held = new AsyncDisposableStack();
  for (const blob of made.flatMap(({ attested }) => attested?.blobs ?? [])) {
    held.use(await deps.snapshotter.holdBlob(digestOf(blob)));
    await deps.content.put(blob);
  }
  const entries = [
    ...made.map(imageEntry),
    ...made.flatMap(({ attested }) => (attested === undefined ? [] : attestedEntry(attested))),
  ];
  let imageID: Digest | undefined;
  await storeConfigs(
    deps,
    made.map(({ config }) => ({ bytes: config })),
    (sql) => {
      const id = recordIndex(sql, { digest, mediaType: indexType, bytes, entries });
      imageID = id;
      for (const { id: own, manifest, image } of made)
        recordManifest(sql, {
          ...manifest,
          imageID: own,
          diffIDs: image.config.rootfs.diff_ids,
          blobs: [],
          writer: builtWriter,
        });
      for (const reference of references) pointReference(sql, reference, { id, index: digest });
    },
  );
  if (imageID === undefined) throw new Error(`index ${digest} was not recorded`);
  return { digest, imageID };
}

interface MadeImage {
  readonly image: IndexedImage;
  readonly id: Digest;
  readonly config: Buffer;
  readonly manifest: ImageManifest;
  readonly descriptor: Descriptor;
  readonly attested: Attested | undefined;
}

interface Attested {
  readonly descriptor: Descriptor;
  readonly manifest: Buffer;
  readonly blobs: readonly Buffer[];
}

async function describe(deps: ImageDeps, image: IndexedImage): Promise<MadeImage> {
  const { platform, annotations, descriptorAnnotations, statements = [], subjects = [] } = image;
  const config = json(image.config);
  const id = digestOf(config);
  const layers = chainIDs(image.config.rootfs.diff_ids).map((chain) => {
    const layer = deps.snapshotter.find(chain);
    if (layer === undefined) throw new BerthError("not-found", `layer ${chain} does not exist`);
    return layer;
  });
  const plain = ociManifest({ digest: id, size: config.length }, await plainLayers(deps, layers));
  const manifest = withAnnotations(plain, annotations);
  const { mediaType, digest, bytes } = manifest;
  const descriptor = {
    ...{ mediaType, digest, size: bytes.length },
    ...(descriptorAnnotations === undefined ? {} : { annotations: descriptorAnnotations }),
    platform,
  };
  const said = statements.map((each) => ({
    predicateType: each.predicateType,
    bytes: statementBytes(each, { names: subjects, manifest: digest }),
  }));
  if (said.length === 0) return { image, id, config, manifest, descriptor, attested: undefined };
  const about = attestationManifest(said);
  const attested = { descriptor: attestationEntry(about.bytes, digest), manifest: about.bytes, blobs: about.blobs };
  return { image, id, config, manifest, descriptor, attested };
}

function imageEntry({ id, manifest, image: { platform } }: MadeImage): NewEntry {
  return { digest: manifest.digest, manifest: manifest.bytes, imageID: id, platform, blobs: [] };
}

function attestedEntry({ descriptor, manifest, blobs }: Attested): NewEntry {
  return {
    digest: descriptor.digest,
    manifest,
    imageID: undefined,
    platform: undefined,
    blobs: blobs.map((blob) => ({ digest: digestOf(blob), size: blob.length })),
  };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
