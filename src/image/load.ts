import { createReadStream, createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { textOf } from "../archive/byte-string.ts";
import { decompress } from "../archive/decompress.ts";
import { applyLayer } from "../archive/extract.ts";
import { layerWriters } from "../archive/layer-tar.ts";
import { readTar } from "../archive/tar-entries.ts";
import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import { type ChainID, childChain, type DiffID } from "../oci/digest.ts";
import { parseImageConfig } from "../oci/image-config.ts";
import { parseReference, withDefaultTag } from "../oci/reference.ts";
import { type ImageDeps, storeConfig } from "./images.ts";
import type { ArchivedImage } from "./save.ts";

/** Most files of an archive, and most bytes of a JSON file in it. */
const fileLimit = 10_000;
const jsonLimit = 8 << 20;

/**
 * Read a Docker archive, compressed or not: every image that its `manifest.json` names.
 *
 * @returns the names of the images, or the ID of one that has none
 * @throws {BerthError} invalid-argument, for what is no such archive; unimplemented, for layers that berth can't write again byte by byte
 */
export async function loadImages(
  deps: ImageDeps,
  archive: AsyncIterable<Uint8Array>,
  operation: Operation = {},
): Promise<readonly string[]> {
  await using directory = await deps.snapshotter.scratch();
  const files = await unpack(decompress(archive), directory.path);
  const open = (name: string): string => {
    const path = files.get(name);
    if (path === undefined) throw new BerthError("invalid-argument", `the archive has no ${name}`);
    return path;
  };
  const manifest = parseManifest(await readFile(open("manifest.json")));
  const loaded: string[] = [];
  for (const image of manifest) loaded.push(...(await loadImage(deps, { image, open }, operation)));
  return loaded;
}

async function loadImage(
  deps: ImageDeps,
  { image, open }: { readonly image: ArchivedImage; readonly open: (name: string) => string },
  operation: Operation,
): Promise<readonly string[]> {
  const bytes = await readFile(open(image.Config));
  if (bytes.length > jsonLimit)
    throw new BerthError("invalid-argument", `${image.Config} is larger than ${jsonLimit} bytes`);
  const { diff_ids } = parseImageConfig(bytes).rootfs;
  if (diff_ids.length !== image.Layers.length) {
    throw new BerthError(
      "invalid-argument",
      `invalid manifest, layers length mismatch: expected ${diff_ids.length}, got ${image.Layers.length}`,
    );
  }
  let parent: ChainID | undefined;
  for (const [index, diffID] of diff_ids.entries()) {
    parent = await loadLayer(deps, { parent, diffID, path: open(image.Layers[index] ?? "") }, operation);
  }
  const references = (image.RepoTags ?? []).map((tag) => withDefaultTag(parseReference(tag)));
  const stored = await storeConfig(deps, bytes, { references });
  return image.RepoTags?.length ? image.RepoTags : [stored.id];
}

async function loadLayer(
  deps: ImageDeps,
  layer: { readonly parent: ChainID | undefined; readonly diffID: DiffID; readonly path: string },
  operation: Operation,
): Promise<ChainID> {
  const { parent, diffID, path } = layer;
  const chain = childChain(parent, diffID);
  if (deps.snapshotter.find(chain) !== undefined) return chain;
  await using snapshot = await deps.snapshotter.prepare(`load-${randomID()}`, parent);
  await applyLayer(decompress(createReadStream(path)), snapshot.upper, {
    ...operation,
    syscalls: deps.host.syscalls,
    whiteouts: "overlay",
  });
  const committed = await snapshot.commit({ ...operation, writer: layerWriters.taken });
  if (committed.diffID === diffID) return chain;
  throw new BerthError(
    "unimplemented",
    `layer ${diffID} was written by another program, which load does not take yet`,
    {
      hint: "`berth import` takes the file system of a container that the other program exports.",
    },
  );
}

async function unpack(source: AsyncIterable<Uint8Array>, directory: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for await (const { header, body } of readTar(source)) {
    if (header.type !== "file") continue;
    if (files.size >= fileLimit)
      throw new BerthError("invalid-argument", `the archive has more than ${fileLimit} files`);
    const path = join(directory, String(files.size));
    await pipeline(body, createWriteStream(path, { mode: 0o600 }));
    files.set(textOf(header.name).replace(/^\.\//, ""), path);
  }
  return files;
}

function parseManifest(bytes: Buffer): readonly ArchivedImage[] {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (Array.isArray(value) && value.every(isArchivedImage)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new BerthError("invalid-argument", "manifest.json of the archive is malformed");
}

function isArchivedImage(value: unknown): value is ArchivedImage {
  if (typeof value !== "object" || value === null) return false;
  const { Config, RepoTags, Layers } = value as Record<string, unknown>;
  const strings = (list: unknown): boolean => Array.isArray(list) && list.every((each) => typeof each === "string");
  return (
    typeof Config === "string" && strings(Layers) && (RepoTags === null || RepoTags === undefined || strings(RepoTags))
  );
}
