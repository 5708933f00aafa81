import { rmSync, statSync } from "node:fs";
import { type ByteString, textOf } from "../archive/byte-string.ts";
import { hashLayer, layerWriters } from "../archive/layer-tar.ts";
import { type ManifestEntry, ManifestRecorder, observe } from "../archive/manifest.ts";
import { isKind } from "../base/errors.ts";
import type { CheckOptions, Problem } from "../base/problem.ts";
import type { Database } from "../metadata/database.ts";
import { childChain } from "../oci/digest.ts";
import { leaseNames } from "./collect.ts";
import { compareLayer } from "./compare-layer.ts";
import { writtenManifest } from "./layer-manifest.ts";
import { correctRecord, type LayerRecord, manifestPath } from "./layer-records.ts";
import type { LayerStore } from "./layer-store.ts";
import {
  type Damaged,
  type Mended,
  type RepairDeps,
  type RepairOptions,
  readArchive,
  remakeByRecipe,
  remakeLayer,
  repairLayer,
} from "./repair-layer.ts";

/** What checking layers works with. */
export interface LayerCheckDeps extends RepairDeps {
  readonly db: Database;
}

/** How layers are checked, and what they are mended with. */
export interface LayerCheckOptions extends CheckOptions, RepairOptions {}

/** Most files of one layer that are named one by one. */
const namedFiles = 100;

const reload = "Remove the images that have it, and load, pull or build them again.";

/** Check every recorded layer: its name, its directory against its manifest, its archive against its digest. */
export async function* checkLayers(deps: LayerCheckDeps, options: LayerCheckOptions): AsyncGenerator<Problem> {
  let count = 0;
  // From the bottom up: what a layer is made of again needs those below it.
  for (const { chainID } of deps.store.all().toReversed()) {
    options.signal?.throwIfAborted();
    // Held, so that nobody deletes it meanwhile.
    const layer = await heldLayer(deps.store, chainID);
    if (layer === undefined) continue;
    try {
      for await (const problem of checkLayer(deps, layer, options)) yield { chainID, ...problem };
      count++;
    } finally {
      await deps.store.release(leaseNames.chain(chainID));
    }
  }
  options.looked("layers", count);
}

async function heldLayer(store: LayerStore, chainID: LayerRecord["chainID"]): Promise<LayerRecord | undefined> {
  try {
    return await store.holdChain(chainID);
  } catch (error) {
    if (isKind(error, "not-found")) return undefined;
    throw error;
  }
}

async function* checkLayer(
  deps: LayerCheckDeps,
  layer: LayerRecord,
  options: LayerCheckOptions,
): AsyncGenerator<Problem> {
  const name = `layer ${layer.diffID}`;
  if (childChain(layer.parent, layer.diffID) !== layer.chainID) {
    yield { invariant: "L1", what: `${name}: its record names another chain, ${layer.chainID}`, advice: reload };
  }
  if (statSync(layer.path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    const mend = (): Promise<boolean | string> => remakeLayer(deps, layer, options);
    yield { invariant: "L2", what: `${name}: its directory ${layer.path} is missing`, advice: reload, mend };
    return;
  }
  const manifest = await writtenManifest(layer);
  if (manifest === undefined) {
    yield* checkWithoutManifest(deps, layer, options);
    return;
  }
  const tree = { directory: layer.path, manifest };
  const found = await compareLayer(deps.host.syscalls, tree, options.quick);
  if (found.length > 0) yield* damagedFiles(deps, { layer, manifest, found }, options);
  else yield* checkArchive(deps, layer, options);
  yield* checkSize(deps, layer, manifest);
}

async function* checkWithoutManifest(
  deps: LayerCheckDeps,
  layer: LayerRecord,
  options: LayerCheckOptions,
): AsyncGenerator<Problem> {
  const isWhole = options.quick || "bytes" in (await readArchive(deps, layer, options));
  yield {
    invariant: "L3",
    what: `layer ${layer.diffID}: its manifest is missing or damaged`,
    advice: "`berth system check --repair` writes it again when the layer is whole.",
    ...(options.quick
      ? {}
      : { mend: () => (isWhole ? rewriteManifest(deps, layer) : remakeLayer(deps, layer, options)) }),
  };
  if (!isWhole) yield* checkArchive(deps, layer, options);
}

async function rewriteManifest(deps: LayerCheckDeps, layer: LayerRecord): Promise<boolean> {
  const { host, store } = deps;
  // There the directory doesn't say all that the archive does.
  if (host.unprivileged && layer.writer === "recipe") return await remakeByRecipe(deps, layer);
  const manifest = new ManifestRecorder();
  for await (const entry of observe(layer.path, { syscalls: host.syscalls })) manifest.add(entry);
  const path = manifestPath(layer.path);
  // What isn't a file can't be written over.
  rmSync(path, { recursive: true, force: true });
  await manifest.write(path);
  await store.sync();
  return true;
}

async function* checkArchive(
  deps: LayerCheckDeps,
  layer: LayerRecord,
  options: LayerCheckOptions,
): AsyncGenerator<Problem> {
  if (options.quick) return;
  const archive = await readArchive(deps, layer, options);
  if ("loss" in archive) {
    const mend = async (): Promise<boolean | string> =>
      (layer.writer === "recipe" && (await withoutRecipe(deps, layer))) || (await remakeLayer(deps, layer, options));
    yield { invariant: "L4", what: archive.loss, advice: reload, mend };
  } else if (layer.bytes !== undefined && archive.bytes !== layer.bytes) {
    const { bytes } = archive;
    const what = `layer ${layer.diffID}: its archive has ${bytes} bytes, recorded are ${layer.bytes}`;
    yield { invariant: "L5", what, advice: "Nothing is lost.", mend: () => correct(deps, layer, { bytes }) };
  }
}

/** A damaged recipe isn't needed where berth's own form of the archive has the same bytes. */
async function withoutRecipe(deps: LayerCheckDeps, layer: LayerRecord): Promise<boolean> {
  for (const writer of Object.values(layerWriters)) {
    const { diffID } = await hashLayer(layer.path, { syscalls: deps.host.syscalls, writer });
    if (diffID === layer.diffID) return await correct(deps, layer, { writer });
  }
  return false;
}

async function correct(
  { db }: LayerCheckDeps,
  layer: LayerRecord,
  change: Parameters<typeof correctRecord>[2],
): Promise<boolean> {
  await db.write((sql) => correctRecord(sql, layer.chainID, change));
  return true;
}

/** The sizes of files as an archive lists them may be more than there are files: a later entry took an earlier one's place. */
async function* checkSize(
  deps: LayerCheckDeps,
  layer: LayerRecord,
  manifest: Iterable<ManifestEntry>,
): AsyncGenerator<Problem> {
  let files = 0;
  for (const { kind, size, target } of manifest) files += kind === "symlink" ? target.length : size;
  if (layer.writer === "recipe" || files === layer.size) return;
  const what = `layer ${layer.diffID}: its files have ${files} bytes, recorded are ${layer.size}`;
  yield { invariant: "L5", what, advice: "Nothing is lost.", mend: () => correct(deps, layer, { size: files }) };
}

async function* damagedFiles(
  deps: LayerCheckDeps,
  damaged: Damaged,
  options: LayerCheckOptions,
): AsyncGenerator<Problem> {
  const { layer, found } = damaged;
  let mended: Promise<Mended> | undefined;
  const mend = async (path: ByteString): Promise<boolean | string> => {
    mended ??= repairLayer(deps, damaged, options);
    const { left, why } = await mended;
    return left.has(path) ? why : true;
  };
  for (const { path, what } of found.slice(0, namedFiles)) {
    const name = `layer ${layer.diffID}: /${textOf(path)}: ${what}`;
    yield { invariant: "L3", what: name, advice: reload, mend: () => mend(path) };
  }
  const more = found.slice(namedFiles);
  if (more.length === 0) return;
  const mendMore = async (): Promise<boolean | string> => {
    for (const { path } of more) {
      const done = await mend(path);
      if (done !== true) return done;
    }
    return true;
  };
  const what = `layer ${layer.diffID}: ${more.length} more files are not as they were`;
  yield { invariant: "L3", what, advice: reload, mend: mendMore };
}
