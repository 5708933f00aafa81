import { mkdirSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type ByteString, bytesOf, textOf } from "../archive/byte-string.ts";
import { hashLayer, layerWriters } from "../archive/layer-tar.ts";
import { type Difference, type ManifestEntry, ManifestRecorder, observe } from "../archive/manifest.ts";
import { childOf } from "../archive/walk.ts";
import { isKind, messageOf } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import type { CheckOptions, Problem } from "../base/problem.ts";
import type { Host } from "../host/host.ts";
import type { Database } from "../metadata/database.ts";
import { childChain } from "../oci/digest.ts";
import { leaseNames } from "./collect.ts";
import { compareLayer } from "./compare-layer.ts";
import { layerArchive } from "./layer-archive.ts";
import { writtenManifest } from "./layer-manifest.ts";
import { correctRecord, type LayerRecord, manifestPath } from "./layer-records.ts";
import type { LayerStore } from "./layer-store.ts";
import { mendLayer } from "./mend-layer.ts";
import { unpackLayer } from "./unpack-layer.ts";

/** What checking layers works with. */
export interface LayerCheckDeps {
  readonly host: Host;
  readonly db: Database;
  readonly store: LayerStore;
}

/** Most files of one layer that are named one by one. */
const namedFiles = 100;

const reload = "Remove the images that have it, and load, pull or build them again.";

/** Check every recorded layer: its name, its directory against its manifest, its archive against its digest. */
export async function* checkLayers(deps: LayerCheckDeps, options: CheckOptions): AsyncGenerator<Problem> {
  let count = 0;
  for (const { chainID } of deps.store.all()) {
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

async function* checkLayer(deps: LayerCheckDeps, layer: LayerRecord, options: CheckOptions): AsyncGenerator<Problem> {
  const name = `layer ${layer.diffID}`;
  if (childChain(layer.parent, layer.diffID) !== layer.chainID) {
    yield { invariant: "L1", what: `${name}: its record names another chain, ${layer.chainID}`, advice: reload };
  }
  if (statSync(layer.path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    yield { invariant: "L2", what: `${name}: its directory ${layer.path} is missing`, advice: reload };
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

/** What the archive of a layer comes to: its length, or why it isn't what it was. */
async function readArchive(
  { host }: LayerCheckDeps,
  layer: LayerRecord,
  operation: Operation,
): Promise<{ readonly bytes: number } | { readonly loss: string }> {
  let bytes = 0;
  const observed = { ...operation, observed: true };
  try {
    for await (const batch of layerArchive(host.syscalls, layer, observed)) bytes += batch.length;
    return { bytes };
  } catch (error) {
    if (isKind(error, "data-loss")) return { loss: messageOf(error) };
    throw error;
  }
}

async function* checkWithoutManifest(
  deps: LayerCheckDeps,
  layer: LayerRecord,
  options: CheckOptions,
): AsyncGenerator<Problem> {
  const isWhole = options.quick || "bytes" in (await readArchive(deps, layer, options));
  yield {
    invariant: "L3",
    what: `layer ${layer.diffID}: its manifest is missing or damaged`,
    advice: "`berth system check --repair` writes it again when the layer is whole.",
    ...(isWhole && !options.quick ? { mend: () => rewriteManifest(deps, layer) } : {}),
  };
  if (!isWhole) yield* checkArchive(deps, layer, options);
}

async function rewriteManifest({ host, store }: LayerCheckDeps, layer: LayerRecord): Promise<boolean> {
  const manifest = new ManifestRecorder();
  for await (const entry of observe(layer.path, { syscalls: host.syscalls })) manifest.add(entry);
  await manifest.write(manifestPath(layer.path));
  await store.sync();
  return true;
}

async function* checkArchive(deps: LayerCheckDeps, layer: LayerRecord, options: CheckOptions): AsyncGenerator<Problem> {
  if (options.quick) return;
  const archive = await readArchive(deps, layer, options);
  if ("loss" in archive) {
    const mend = layer.writer === "recipe" ? { mend: () => withoutRecipe(deps, layer) } : {};
    yield { invariant: "L4", what: archive.loss, advice: reload, ...mend };
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
  manifest: readonly ManifestEntry[],
): AsyncGenerator<Problem> {
  const files = manifest.reduce((sum, { kind, size, target }) => sum + (kind === "symlink" ? target.length : size), 0);
  if (layer.writer === "recipe" || files === layer.size) return;
  const what = `layer ${layer.diffID}: its files have ${files} bytes, recorded are ${layer.size}`;
  yield { invariant: "L5", what, advice: "Nothing is lost.", mend: () => correct(deps, layer, { size: files }) };
}

interface Damaged {
  readonly layer: LayerRecord;
  readonly manifest: readonly ManifestEntry[];
  readonly found: readonly Difference[];
}

async function* damagedFiles(deps: LayerCheckDeps, damaged: Damaged, options: CheckOptions): AsyncGenerator<Problem> {
  const { layer, found } = damaged;
  let mended: Promise<ReadonlySet<ByteString>> | undefined;
  const mend = async (path: ByteString): Promise<boolean> => {
    mended ??= mendFiles(deps, damaged, options);
    return !(await mended).has(path);
  };
  for (const { path, what } of found.slice(0, namedFiles)) {
    const name = `layer ${layer.diffID}: /${textOf(path)}: ${what}`;
    yield { invariant: "L3", what: name, advice: reload, mend: () => mend(path) };
  }
  const more = found.slice(namedFiles);
  if (more.length === 0) return;
  const mendMore = async (): Promise<boolean> => {
    for (const { path } of more) if (!(await mend(path))) return false;
    return true;
  };
  const what = `layer ${layer.diffID}: ${more.length} more files are not as they were`;
  yield { invariant: "L3", what, advice: reload, mend: mendMore };
}

/** @returns the paths that are still not as they were; all of them, when the layer as a whole isn't */
async function mendFiles(
  deps: LayerCheckDeps,
  { layer, manifest, found }: Damaged,
  options: CheckOptions,
): Promise<ReadonlySet<ByteString>> {
  const { syscalls } = deps.host;
  const key = `repair-${randomID()}`;
  const scratch = join(deps.store.paths.active, key);
  await deps.store.hold(leaseNames.active(key));
  try {
    mkdirSync(scratch, { mode: 0o700 });
    const copies = await findCopies(deps, found);
    const again = await unpackAgain(deps, layer, scratch);
    const tree = { directory: layer.path, manifest };
    const copiesOf = (entry: ManifestEntry): readonly ByteString[] => [
      ...(copies.get(contentKey(entry)) ?? []),
      ...(again === undefined ? [] : [childOf(bytesOf(again), entry.path)]),
    ];
    const guesses: (() => void)[] = [];
    mendLayer({ syscalls, scratch, copiesOf, onGuess: (undo) => guesses.push(undo) }, tree, found);
    await deps.store.sync();
    const left = await compareLayer(syscalls, tree);
    if (left.length === 0 && "bytes" in (await readArchive(deps, layer, options))) return pathsOf([]);
    if (guesses.length === 0) return pathsOf(left.length > 0 ? left : found);
    // Only the digest of the whole proves a guess.
    for (const undo of guesses) undo();
    return pathsOf(await compareLayer(syscalls, tree));
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await deps.store.release(leaseNames.active(key));
  }
}

const pathsOf = (found: readonly Difference[]): ReadonlySet<ByteString> => new Set(found.map(({ path }) => path));

const contentKey = ({ size, crc }: ManifestEntry): string => `${size}:${crc}`;

/** Files of any layer that once held what a damaged one did, by {@link contentKey}. */
async function findCopies(
  { store }: LayerCheckDeps,
  found: readonly Difference[],
): Promise<ReadonlyMap<string, readonly ByteString[]>> {
  const copies = new Map<string, ByteString[]>();
  for (const { expected } of found) if (expected?.kind === "file") copies.set(contentKey(expected), []);
  if (copies.size === 0) return copies;
  for (const layer of store.all()) {
    for (const entry of (await writtenManifest(layer)) ?? []) {
      if (entry.kind === "file") copies.get(contentKey(entry))?.push(childOf(bytesOf(layer.path), entry.path));
    }
  }
  return copies;
}

/** A recipe may still give the whole archive back: what isn't in the damaged files. @returns where it is unpacked */
async function unpackAgain(
  { host, store }: LayerCheckDeps,
  layer: LayerRecord,
  scratch: string,
): Promise<string | undefined> {
  if (layer.writer !== "recipe") return undefined;
  const upper = join(scratch, "upper");
  mkdirSync(upper);
  const places = { upper, recipe: join(scratch, "recipe"), manifest: join(scratch, "manifest") };
  const lower = store.directories(layer.parent);
  const open = (): AsyncIterable<Uint8Array> => layerArchive(host.syscalls, layer);
  try {
    await unpackLayer(host.syscalls, { ...places, lower }, { diffID: layer.diffID, name: "layer", open });
    return upper;
  } catch (error) {
    if (isKind(error, "data-loss") || isKind(error, "invalid-argument") || isKind(error, "not-found")) return undefined;
    throw error;
  }
}
