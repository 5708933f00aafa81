import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import type { Digest } from "../oci/digest.ts";
import {
  type Descriptor,
  entriesOf,
  indexFault,
  jsonIn,
  kindOf,
  type ManifestParts,
  manifestFault,
  partsOf,
} from "../oci/image-index.ts";
import type { RemoteManifest, Repository } from "./repository.ts";
import type { Shipment, ShippedBlob, ShippedImage, ShippedManifest } from "./shipment.ts";

/** Where images are read: a repository, or what is read as one. */
export type ImageReader = Pick<Repository, "manifest" | "blob">;

/** A manifest, or an index with all that it leads to. */
export interface ImageTree {
  /** Those that are still to go, each once. */
  readonly manifests: readonly RemoteManifest[];
  /** What they lie in, the innermost first; the last one is what the tree is of, unless that is the one manifest. */
  readonly indexes: readonly RemoteManifest[];
}

/** What {@link readTree} takes. */
export interface TreeOptions extends Operation {
  /** Whether a manifest or an index needn't be looked into: with all that it points to it is there. */
  readonly isThere?: (digest: Digest) => Promise<boolean>;
}

/**
 * Read the manifests that a manifest or an index leads to, through the indexes in it.
 *
 * @throws {BerthError} as `Repository.manifest`; invalid-argument, for indexes that lie too deep in each other or name too many or
 *   too large manifests, or a manifest of another size than it is said to have
 */
export async function readTree(
  reader: Pick<ImageReader, "manifest">,
  root: RemoteManifest,
  options: TreeOptions = {},
): Promise<ImageTree> {
  if (kindOf(root.descriptor) !== "index") return { manifests: [root], indexes: [] };
  const tree = new TreeReader(reader, options);
  await tree.index(root, limits.indexDepth);
  return tree;
}

class TreeReader implements ImageTree {
  readonly manifests: RemoteManifest[] = [];
  readonly indexes: RemoteManifest[] = [];
  readonly #reader: Pick<ImageReader, "manifest">;
  readonly #options: TreeOptions;
  readonly #seen: Set<Digest> = new Set();
  /** Bytes that manifests may still have: they are in memory together. */
  #left: number = limits.json;

  constructor(reader: Pick<ImageReader, "manifest">, options: TreeOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  async index(index: RemoteManifest, depth: number): Promise<void> {
    if (depth === 0) throw invalid(`more than ${limits.indexDepth} indexes lie in each other`);
    for (const entry of readEntries(index)) await this.#entry(entry, depth);
    this.indexes.push(index);
  }

  async #entry(entry: Descriptor, depth: number): Promise<void> {
    const { digest } = entry;
    if (this.#seen.has(digest)) return;
    if (this.#seen.size === limits.manifests) throw invalid(`an index has more than ${limits.manifests} manifests`);
    this.#seen.add(digest);
    if (await this.#options.isThere?.(digest)) return;
    const found = await this.#reader.manifest(digest, stoppedBy(this.#options.signal));
    checkSize(found, entry);
    const { bytes, descriptor } = found;
    this.#left -= bytes.length;
    if (this.#left < 0) throw invalid(`the manifests of an index have more than ${limits.json} bytes`);
    const manifest = { bytes, descriptor: { ...descriptor, ...(entry.mediaType && { mediaType: entry.mediaType }) } };
    if (kindOf(manifest.descriptor) === "index") await this.index(manifest, depth - 1);
    else this.manifests.push(manifest);
  }
}

/** @throws {BerthError} invalid-argument, for a manifest of another size than an index's entry tells */
export function checkSize({ bytes }: Pick<RemoteManifest, "bytes">, { digest, size }: Descriptor): void {
  if (bytes.length !== size) throw invalid(`manifest ${digest} has ${bytes.length} bytes, expected ${size}`);
}

function invalid(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}

/** A tree on its way, as it is. */
export function shipmentOfTree(reader: ImageReader, tree: ImageTree): Shipment {
  const indexes = tree.indexes.map(shipped);
  return { images: tree.manifests.map((each) => imageAsIs(reader, each)), indexes: () => indexes };
}

/** The image of a manifest, with its bytes as they are. @throws {BerthError} invalid-argument, where it doesn't say what it points to */
export function imageAsIs(reader: ImageReader, manifest: RemoteManifest): ShippedImage {
  const { config, layers } = readParts(manifest);
  return {
    blobs: [...layers.map((layer) => blobAsIs(reader, layer)).toReversed(), configAsIs(reader, config)],
    manifest: async () => shipped(manifest),
  };
}

/** What a manifest points to. @throws {BerthError} invalid-argument, with what is wrong, where it doesn't say that */
export function readParts({ bytes, descriptor }: RemoteManifest): ManifestParts {
  const value = jsonIn(bytes);
  const parts = partsOf(value);
  if (parts === undefined) throw invalid(`manifest ${descriptor.digest} can't be read: ${manifestFault(value)}`);
  return parts;
}

/** What an index has. @throws {BerthError} invalid-argument, with what is wrong, for what is none */
export function readEntries({ bytes, descriptor }: RemoteManifest): readonly Descriptor[] {
  const value = jsonIn(bytes);
  const entries = entriesOf(value);
  if (entries === undefined) throw invalid(`index ${descriptor.digest} can't be read: ${indexFault(value)}`);
  return entries;
}

/** A manifest as it is. */
export function shipped({ bytes, descriptor: { mediaType, digest, size } }: RemoteManifest): ShippedManifest {
  return { mediaType, digest, size, bytes };
}

/** A config as it is: progress doesn't tell of it. */
export function configAsIs(reader: ImageReader, config: Descriptor): ShippedBlob {
  const { id: _, body, ...blob } = blobAsIs(reader, config);
  return { ...blob, body: ({ signal }) => body(stoppedBy(signal)) };
}

/** A blob as it is, told by its digest. */
export function blobAsIs(reader: ImageReader, blob: Descriptor): ShippedBlob {
  const { digest: id, size: total } = blob;
  return {
    id,
    digest: id,
    size: total,
    body: ({ signal, report }) => {
      const bytes = reader.blob(blob, stoppedBy(signal));
      return {
        bytes: counted(bytes, (current) => report?.({ kind: "bytes", id, name: "Pushing", current, total })),
        digest: () => id,
      };
    },
  };
}

/** The same bytes, told as they pass. */
export async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  tell: (current: number) => void,
): AsyncGenerator<Uint8Array> {
  let current = 0;
  for await (const chunk of bytes) {
    current += chunk.length;
    tell(current);
    yield chunk;
  }
}
