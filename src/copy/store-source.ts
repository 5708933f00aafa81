import { Readable } from "node:stream";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { findTarget, getImage, type Image, type ImageDeps, readConfig } from "../image/images.ts";
import { entryRows } from "../image/index-records.ts";
import { findIndex, getPlatformImage, readIndex } from "../image/indexes.ts";
import { isBuiltIndex, layersIn } from "../image/manifest-records.ts";
import { manifestOf, packedBytes } from "../image/manifests.ts";
import type { Target } from "../image/resolve.ts";
import { shipmentOf } from "../image/shipment.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { blobsIn, type LayerCompression } from "../oci/image-index.ts";
import type { Platform } from "../oci/platform.ts";
import { manifestsOf } from "../registry/send.ts";
import type { Shipment } from "../registry/shipment.ts";
import type { ImageReader } from "../registry/tree.ts";
import type { OpenedSource } from "./ends.ts";
import { described } from "./file-reader.ts";

/** What {@link openStored} takes. */
export interface StoredOptions extends Operation {
  /** The image for it alone, without its index, with layers that are compressed so; as they came, or with gzip, when absent. */
  readonly alone?: { readonly platform: Platform; readonly compression: LayerCompression };
}

/**
 * An image of the store, as a push sends it: with the manifest that it came with, or one that is made now.
 *
 * @throws {BerthError} not-found; conflict, for an ambiguous ID; data-loss
 */
export async function openStored(deps: ImageDeps, name: string, options: StoredOptions): Promise<OpenedSource> {
  const target = findTarget(deps, name);
  const reader = new StoredReader(deps);
  if (target.index !== undefined && options.alone === undefined) {
    const { index } = target;
    if (deps.db.read((sql) => isBuiltIndex(sql, index))) return await openBuilt(deps, { reader, target }, options);
    const root = described(index, readIndex(deps, index), findIndex(deps, index)?.mediaType);
    reader.addIndex(index);
    return { reader, root, targetOf: (digest) => (digest === index ? target : reader.target(digest)) };
  }
  const { alone, ...operation } = options;
  const image =
    target.index === undefined || alone === undefined
      ? getImage(deps, target.id)
      : getPlatformImage(deps, name, alone.platform);
  const compression = alone?.compression;
  const made = await manifestOf(deps, image, { ...operation, ...(compression !== undefined && { compression }) });
  reader.addImage(image, { digest: made.digest, bytes: made.bytes });
  const root = described(made.digest, made.bytes, made.mediaType);
  return { reader, root, targetOf: (digest) => reader.target(digest) };
}

/** An index that was built here, as a push sends it. */
async function openBuilt(
  deps: ImageDeps,
  { reader, target }: { readonly reader: StoredReader; readonly target: Target },
  { alone: _, ...operation }: StoredOptions,
): Promise<OpenedSource> {
  const described = async (): Promise<Shipment> => {
    const shipment = await shipmentOf(deps, target, { name: target.id, isThere: async () => true });
    return (await shipment.following?.(operation)) ?? shipment;
  };
  await manifestsOf(await described(), operation);
  // Now every digest is known.
  const shipment = await described();
  const { manifests, indexes, top } = await manifestsOf(shipment, operation);
  for (const { digest, bytes } of [...manifests, ...indexes]) reader.addManifest(digest, bytes);
  for (const { digest, body } of shipment.images.flatMap(({ blobs }) => blobs)) {
    if (digest !== undefined) reader.addBlob(digest, (own) => body(own).bytes);
  }
  const { digest, bytes, mediaType, size } = top;
  return {
    reader,
    root: { bytes, descriptor: { digest, mediaType, size } },
    isMade: true,
    targetOf: (wanted) => (wanted === digest ? target : undefined),
  };
}

type OpenBlob = (operation: Operation) => AsyncIterable<Uint8Array>;

class StoredReader implements ImageReader {
  readonly #deps: ImageDeps;
  readonly #manifests: Map<string, Buffer> = new Map();
  /** Images by the digests of their manifests. */
  readonly #images: Map<string, Digest> = new Map();
  readonly #blobs: Map<Digest, OpenBlob> = new Map();

  constructor(deps: ImageDeps) {
    this.#deps = deps;
  }

  addIndex(index: Digest): void {
    for (const { digest, manifest, image_id: id } of this.#deps.db.read((sql) => entryRows(sql, index))) {
      const bytes = Buffer.from(manifest);
      this.#manifests.set(digest, bytes);
      if (id !== null) this.addImage(getImage(this.#deps, id), { digest, bytes });
      else for (const blob of blobsIn(bytes)) this.#blobs.set(blob.digest, () => this.#deps.content.read(blob.digest));
    }
  }

  addManifest(digest: Digest, bytes: Buffer): void {
    this.#manifests.set(digest, bytes);
  }

  addBlob(digest: Digest, open: OpenBlob): void {
    this.#blobs.set(digest, open);
  }

  addImage(image: Image, manifest: { readonly digest: Digest; readonly bytes: Buffer }): void {
    this.#images.set(manifest.digest, image.id);
    this.#blobs.set(image.id, () => Readable.from([readConfig(this.#deps, image.id)]));
    for (const layer of layersIn(manifest.bytes, image.config.rootfs.diff_ids) ?? []) {
      this.#blobs.set(layer.digest, (operation) => packedBytes(this.#deps, layer, operation));
    }
  }

  target(manifest: Digest): Target | undefined {
    const id = this.#images.get(manifest);
    return id === undefined ? undefined : { id, index: undefined };
  }

  async manifest(digest: string): ReturnType<ImageReader["manifest"]> {
    const bytes = this.#manifests.get(digest);
    if (bytes === undefined) throw absent(`manifest ${digest}`);
    const found = digestOf(bytes);
    if (found !== digest) throw new BerthError("data-loss", `manifest ${digest} is damaged`);
    return described(found, bytes);
  }

  async *blob({ digest }: { readonly digest: Digest }, operation: Operation = {}): AsyncGenerator<Uint8Array> {
    const open = this.#blobs.get(digest);
    if (open === undefined) throw absent(`blob ${digest}`);
    yield* open(operation);
  }
}

function absent(what: string): BerthError {
  return new BerthError("not-found", `the store doesn't have ${what} of this image`, {
    hint: "An image for several platforms may be here for some of them: `berth image ls --tree` shows which, `berth pull --platform` fetches another.",
  });
}
