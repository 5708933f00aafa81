import { bytesOf } from "../archive/byte-string.ts";
import { layerTar } from "../archive/layer-tar.ts";
import { noXattrs } from "../archive/tar-header.ts";
import { encodeHeader, endOfArchive, paddingOf } from "../archive/tar-writer.ts";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { chainIDs, hexOf } from "../oci/digest.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import { getImage, type Image, type ImageDeps, readConfig } from "./images.ts";

/** One image of a Docker archive's `manifest.json`. */
export interface ArchivedImage {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

/**
 * Write images as a Docker archive: configs, each layer once, `manifest.json`.
 *
 * @throws {BerthError} not-found
 */
export async function* saveImages(
  deps: ImageDeps,
  names: readonly string[],
  operation: Operation = {},
): AsyncGenerator<Uint8Array> {
  const images = names.map((name) => ({ name, image: getImage(deps, name) }));
  const written = new Set<string>();
  const manifest = new Map<string, ArchivedImage>();
  for (const { name, image } of images) {
    const layers = layersOf(deps, image);
    for (const layer of layers) {
      const path = layerPath(layer);
      if (!written.has(path)) yield* archivedLayer(deps, layer, operation);
      written.add(path);
    }
    const Config = `${hexOf(image.id)}.json`;
    if (!manifest.has(Config)) yield* file(Config, readConfig(deps, image.id));
    const RepoTags = [
      ...(manifest.get(Config)?.RepoTags ?? []),
      ...image.references.filter((tag) => isMeant(tag, name)),
    ];
    manifest.set(Config, { Config, RepoTags, Layers: layers.map(layerPath) });
  }
  yield* file("manifest.json", Buffer.from(`${JSON.stringify([...manifest.values()])}\n`));
  yield endOfArchive;
}

function isMeant(tag: string, name: string): boolean {
  return tag === name || tag === `${name}:latest` || tag === name.replace(/^docker\.io\/(library\/)?/, "");
}

function layersOf(deps: ImageDeps, image: Image): readonly Layer[] {
  return chainIDs(image.config.rootfs.diff_ids).map((chain) => {
    const layer = deps.snapshotter.find(chain);
    if (layer === undefined) throw new BerthError("data-loss", `layer ${chain} of ${image.id} is missing`);
    return layer;
  });
}

const layerPath = (layer: Layer): string => `${hexOf(layer.diffID)}/layer.tar`;

/** A layer's archive is measured first: its length stands before it. */
async function* archivedLayer(deps: ImageDeps, layer: Layer, operation: Operation): AsyncGenerator<Uint8Array> {
  const options = { ...operation, syscalls: deps.host.syscalls, writer: layer.writer };
  let size = 0;
  for await (const batch of layerTar(layer.path, options)) size += batch.length;
  yield header(layerPath(layer), size);
  yield* layerTar(layer.path, options);
  yield Buffer.alloc(paddingOf(size));
}

function* file(name: string, bytes: Buffer): Generator<Uint8Array> {
  yield header(name, bytes.length);
  yield bytes;
  yield Buffer.alloc(paddingOf(bytes.length));
}

function header(name: string, size: number): Buffer {
  return encodeHeader({
    name: bytesOf(name),
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    mtimeNs: 0n,
    linkname: bytesOf(""),
    major: 0,
    minor: 0,
    xattrs: noXattrs,
  });
}
