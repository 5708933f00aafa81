import { join } from "node:path";
import type { ByteString } from "../archive/byte-string.ts";
import { bytesOf } from "../archive/byte-string.ts";
import { readXattrs } from "../archive/xattrs.ts";
import { BerthError } from "../base/errors.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { downloadPath } from "../image/download.ts";
import type { ImageDeps } from "../image/images.ts";
import { type ChainID, hexOf } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { Repository } from "../registry/repository.ts";
import { LayerStack } from "../snapshot/layer-stack.ts";
import type { ChunkedBlob, ChunkReader } from "./chunk-reader.ts";
import { type Attributes, fileAt, isOpaque, type LayerFile, layerFiles } from "./layer-files.ts";
import { type LayerToc, readLayerToc, type TocSource } from "./layer-toc.ts";
import type { ServedLayer } from "./served-tree.ts";
import type { Chunk } from "./toc.ts";

/** A layer that can be served. */
export interface ServableLayer extends ServedLayer {
  /** What its maker wants to be fetched before it is asked for. */
  readonly first: readonly Chunk[];
}

/** Layers that aren't here. */
export interface MissingLayers {
  /** The bottom one first. */
  readonly missing: readonly Descriptor[];
  /** What they lie on. */
  readonly below: ChainID | undefined;
  readonly repository: Pick<Repository, "blob">;
}

/**
 * Read the tables of contents of layers that aren't here.
 *
 * @returns the bottom one first
 * @throws {BerthError} as `readLayerToc`; failed-precondition, where a layer has none
 */
export async function layersToServe(
  deps: Pick<ImageDeps, "host" | "snapshotter">,
  { missing, below, repository }: MissingLayers,
  { signal }: Operation,
): Promise<readonly ServableLayer[]> {
  const source = { repository, ...stoppedBy(signal) };
  const tables = await tablesOf(source, missing);
  const directories = below === undefined ? [] : deps.snapshotter.directories(below);
  const stack = new LayerStack(deps.host.syscalls, { layers: directories.map(bytesOf) });
  const onDisk = (path: ByteString): Attributes | undefined => attributesIn(deps, stack, path);
  const layers: ServableLayer[] = [];
  for (const [index, blob] of missing.entries()) {
    const toc = tables[index] ?? noTable(blob);
    const roots = layers.map((layer) => layer.root).reverse();
    const root = layerFiles(toc, (path) => inLayers(roots, path, onDisk));
    layers.push({ name: String(index), root, source: sourceOf(deps, blob, toc), first: firstChunks(toc) });
  }
  return layers;
}

/** Tables that are fetched at once. */
const atOnce = 6;

/** Files of an image that is served: the largest ones have some two million. */
const mostFiles = 3_000_000;

async function tablesOf(source: TocSource, missing: readonly Descriptor[]): Promise<readonly LayerToc[]> {
  const tables: LayerToc[] = [];
  let files = 0;
  for (let at = 0; at < missing.length; at += atOnce) {
    const group = missing.slice(at, at + atOnce);
    const found = await Promise.all(group.map(async (layer) => (await readLayerToc(source, layer)) ?? noTable(layer)));
    tables.push(...found);
    files += found.reduce((sum, { entries }) => sum + entries.length, 0);
    if (files > mostFiles) throw new BerthError("failed-precondition", `the image has more than ${mostFiles} files`);
  }
  return tables;
}

/** Fetch what the makers of layers want to be there early. */
export async function prefetched(layers: readonly ServableLayer[], reader: Pick<ChunkReader, "read">): Promise<void> {
  let left = mostPrefetched;
  for (const { first, source } of layers) {
    for (const chunk of first) {
      if (chunk.digest === undefined) continue;
      left -= chunk.size;
      if (left < 0) return;
      await reader.read(source, chunk);
    }
  }
}

/** Bytes of content that are fetched before anybody asks for them. */
const mostPrefetched = 32 << 20;

/** The name of the file that stands behind those to be fetched first. @see stargz-snapshotter docs/estargz.md, prefetch landmark */
const landmark = ".prefetch.landmark";

function firstChunks({ entries }: LayerToc): readonly Chunk[] {
  const end = entries.findIndex(({ name }) => name === landmark);
  return end < 0 ? [] : entries.slice(0, end).flatMap(({ chunks }) => chunks);
}

function sourceOf(
  { host }: Pick<ImageDeps, "host">,
  blob: Descriptor,
  { compression, entries }: LayerToc,
): ChunkedBlob {
  const chunks = entries.flatMap((entry) => entry.chunks).sort((a, b) => a.offset - b.offset);
  const places = [downloadPath(host, blob.digest), join(host.root, "blobs", "sha256", hexOf(blob.digest))];
  return { blob, compression, chunks, places };
}

/** What lower layers have at a path, where it is a directory. @param roots the topmost first */
function inLayers(
  roots: readonly LayerFile[],
  path: ByteString,
  onDisk: (path: ByteString) => Attributes | undefined,
): Attributes | undefined {
  for (const root of roots) {
    const found = fileAt(root, path);
    if (found !== undefined) return found.kind === "dir" ? found : undefined;
    if (isHidden(root, path)) return undefined;
  }
  return onDisk(path);
}

/** Whether a layer that hasn't a path hides what is there below. */
function isHidden(root: LayerFile, path: ByteString): boolean {
  let at: LayerFile | undefined = root;
  for (const part of path === "" ? [] : path.split("/")) {
    if (at === undefined) return false;
    if (at.kind !== "dir" || isOpaque(at)) return true;
    at = at.children?.get(part);
  }
  return false;
}

function attributesIn({ host }: Pick<ImageDeps, "host">, stack: LayerStack, path: ByteString): Attributes | undefined {
  const found = stack.find(path);
  if (found === undefined || !found.stats.isDirectory()) return undefined;
  const { mode, uid, gid, mtimeNs } = found.stats;
  const xattrs = readXattrs(host.syscalls, found.source);
  return { mode: Number(mode) & 0o7777, uid: Number(uid), gid: Number(gid), mtimeNs, xattrs };
}

function noTable({ digest }: Descriptor): never {
  throw new BerthError(
    "failed-precondition",
    `layer ${digest.slice(0, 19)} has no table of contents: it is neither eStargz nor zstd:chunked`,
  );
}
