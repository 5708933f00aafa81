import { createHash } from "node:crypto";
import { type CompressionFormat, compress } from "../archive/compress.ts";
import { shortID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import { sideBySide } from "../base/side-by-side.ts";
import { type DiffID, parseDigest } from "../oci/digest.ts";
import { layerCompression } from "../oci/image-index.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import type { ImageDeps } from "./images.ts";
import type { PackedLayer } from "./manifest-records.ts";
import { layerTypes } from "./oci-manifest.ts";

/** Layers that are compressed at the same time. Of each, blocks are; but not its reading, and not its end. */
const atOnce = 2;

/** How layers are compressed. */
export interface PackOptions extends Operation {
  readonly format: CompressionFormat;
  /** As of `compress`. */
  readonly level?: number | undefined;
}

/** A layer that is being compressed. */
export interface Packing {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** What has come out, once the bytes have ended. */
  readonly packed: () => PackedLayer;
}

/** Compress a layer's archive in berth's form: equal layers give equal bytes. Nothing is recorded. */
export function packLayer(
  { snapshotter }: Pick<ImageDeps, "snapshotter">,
  layer: Layer,
  { format, level, ...operation }: PackOptions,
): Packing {
  const hash = createHash("sha256");
  let size = 0;
  let packed: PackedLayer | undefined;
  async function* bytes(): AsyncGenerator<Uint8Array> {
    const archive = reported(snapshotter.archive(layer, { ...operation, reuse: true }), layer, operation);
    for await (const chunk of compress(archive, format, level)) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
    const digest = parseDigest(`sha256:${hash.digest("hex")}`);
    packed = { digest, diffID: layer.diffID, mediaType: layerTypes[format], size };
  }
  return {
    bytes: bytes(),
    packed: () => {
      if (packed === undefined) throw new Error(`layer ${layer.diffID} is still being compressed`);
      return packed;
    },
  };
}

/** Compress layers to nowhere, some at a time. The first one that fails stops the others. */
export async function packAll(
  deps: Pick<ImageDeps, "snapshotter">,
  layers: readonly Layer[],
  options: PackOptions,
): Promise<readonly PackedLayer[]> {
  const made: PackedLayer[] = [];
  await sideBySide(layers, { ...options, most: atOnce }, async (layer, signal) => {
    const packing = packLayer(deps, layer, { ...options, signal });
    for await (const _ of packing.bytes);
    made.push(packing.packed());
  });
  return made;
}

/** How berth compresses for a media type; undefined where it doesn't. */
export function formatOf(mediaType: string = ""): CompressionFormat | undefined {
  const compression = layerCompression(mediaType);
  return compression === "none" ? undefined : compression;
}

async function* reported(
  archive: AsyncIterable<Uint8Array>,
  { diffID, bytes: total }: { readonly diffID: DiffID; readonly bytes: number | undefined },
  { report }: Operation,
): AsyncGenerator<Uint8Array> {
  let current = 0;
  for await (const chunk of archive) {
    current += chunk.length;
    report?.({
      kind: "bytes",
      id: shortID(diffID),
      name: "Compressing",
      current,
      ...(total === undefined ? {} : { total }),
    });
    yield chunk;
  }
}
