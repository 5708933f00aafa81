import { lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type ByteString, bytesOf } from "../archive/byte-string.ts";
import type { Difference, ManifestEntry } from "../archive/manifest.ts";
import { childOf } from "../archive/walk.ts";
import { BerthError, isKind, messageOf } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import type { Host } from "../host/host.ts";
import type { DiffID } from "../oci/digest.ts";
import { leaseNames } from "./collect.ts";
import { compareLayer } from "./compare-layer.ts";
import { layerArchive } from "./layer-archive.ts";
import { writtenManifest } from "./layer-manifest.ts";
import { type LayerRecord, manifestPath, recipePath } from "./layer-records.ts";
import type { LayerStore } from "./layer-store.ts";
import { mendLayer } from "./mend-layer.ts";
import { type LayerArchive, type UnpackPlaces, unpackLayer } from "./unpack-layer.ts";

/** What repairing layers works with. */
export interface RepairDeps {
  readonly host: Host;
  readonly store: LayerStore;
}

/** A layer's archive, whole, from somewhere else. */
export interface ArchiveElsewhere extends Pick<LayerArchive, "open" | "blob"> {
  /** Where it is, for people. */
  readonly from: string;
}

/** How layers are repaired. */
export interface RepairOptions extends Operation {
  /** Where the archive of a layer may be had from, the nearest first; each is asked for when those before it wouldn't do. */
  readonly archives?: (diffID: DiffID) => AsyncIterable<ArchiveElsewhere>;
}

/** A layer and which of its files are not as they were. */
export interface Damaged {
  readonly layer: LayerRecord;
  readonly manifest: Iterable<ManifestEntry>;
  readonly found: readonly Difference[];
}

/** What mending files came to. */
export interface Mended {
  /** Paths that are still not as they were. */
  readonly left: ReadonlySet<ByteString>;
  /** Why not, a clause; false where there is nothing to say. */
  readonly why: false | string;
}

/** Mend the files of a layer: of what the store has, and else of its archive from elsewhere. */
export async function repairLayer(deps: RepairDeps, damaged: Damaged, options: RepairOptions): Promise<Mended> {
  const left = await mendFiles(deps, damaged, options);
  if (left.size === 0) return { left, why: false };
  const done = await remakeLayer(deps, damaged.layer, options);
  return done === true ? { left: pathsOf([]), why: false } : { left, why: done };
}

/**
 * Put a layer right by its archive from elsewhere: its directory file by file, or all of it where it is missing; its recipe, and its
 * manifest where that is lost.
 *
 * @returns true when its archive has its digest again; else why not, a clause, or false where there is no archive
 */
export async function remakeLayer(
  deps: RepairDeps,
  layer: LayerRecord,
  { archives, signal }: RepairOptions,
): Promise<true | false | string> {
  let why: string | undefined;
  for await (const { from, ...archive } of archives?.(layer.diffID) ?? []) {
    signal?.throwIfAborted();
    try {
      const options = stoppedBy(signal);
      if (await remakeOf(deps, layer, { ...archive, ...options, diffID: layer.diffID, name: "layer" })) return true;
      why ??= `${from}: its files can't be written`;
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof BerthError)) throw error;
      why ??= `${from}: ${messageOf(error)}`;
    }
  }
  return why ?? false;
}

/** The same by its own archive, which its recipe still gives. */
export async function remakeByRecipe(deps: RepairDeps, layer: LayerRecord): Promise<boolean> {
  const open = (): AsyncIterable<Uint8Array> => layerArchive(deps.host.syscalls, layer);
  return await remakeOf(deps, layer, { diffID: layer.diffID, name: "layer", open });
}

async function remakeOf(deps: RepairDeps, layer: LayerRecord, archive: LayerArchive & Operation): Promise<boolean> {
  const { host, store } = deps;
  const { syscalls } = host;
  return await inScratch(deps, async (scratch) => {
    const places = placesIn(scratch);
    await unpackLayer(syscalls, { ...places, lower: store.directories(layer.parent) }, archive);
    await store.sync();
    if ((await writtenManifest(layer)) === undefined) {
      rmSync(manifestPath(layer.path), { recursive: true, force: true });
      renameSync(places.manifest, manifestPath(layer.path));
    }
    if (layer.writer === "recipe") renameSync(places.recipe, recipePath(layer.path));
    const isThere = lstatSync(layer.path, { throwIfNoEntry: false })?.isDirectory() === true;
    if (!isThere) {
      rmSync(layer.path, { force: true });
      renameSync(places.upper, layer.path);
    }
    const tree = { directory: layer.path, manifest: (await writtenManifest(layer)) ?? [] };
    const copiesOf = (entry: ManifestEntry): readonly ByteString[] =>
      isThere ? [childOf(bytesOf(places.upper), entry.path)] : [];
    mendLayer({ syscalls, scratch, copiesOf, onGuess: (undo) => undo() }, tree, await compareLayer(syscalls, tree));
    await store.sync();
    return (await compareLayer(syscalls, tree)).length === 0 && "bytes" in (await readArchive(deps, layer, archive));
  });
}

/** Do something with an empty directory beside the active snapshots. */
async function inScratch<T>({ store }: RepairDeps, work: (directory: string) => Promise<T>): Promise<T> {
  const key = `repair-${randomID()}`;
  const directory = join(store.paths.active, key);
  await store.hold(leaseNames.active(key));
  try {
    mkdirSync(directory, { mode: 0o700 });
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
    await store.release(leaseNames.active(key));
  }
}

/** Where in an empty directory a layer is unpacked. */
function placesIn(scratch: string): Omit<UnpackPlaces, "lower"> {
  const upper = join(scratch, "upper");
  mkdirSync(upper);
  return { upper, recipe: join(scratch, "recipe"), manifest: join(scratch, "manifest") };
}

/** What the archive of a layer comes to: its length, or why it isn't what it was. */
export async function readArchive(
  { host }: RepairDeps,
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

/** @returns the paths that are still not as they were; all of them, when the layer as a whole isn't */
async function mendFiles(
  deps: RepairDeps,
  { layer, manifest, found }: Damaged,
  options: Operation,
): Promise<ReadonlySet<ByteString>> {
  const { syscalls } = deps.host;
  return await inScratch(deps, async (scratch) => {
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
  });
}

const pathsOf = (found: readonly Difference[]): ReadonlySet<ByteString> => new Set(found.map(({ path }) => path));

const contentKey = ({ size, crc }: ManifestEntry): string => `${size}:${crc}`;

/** Files of any layer that once held what a damaged one did, by {@link contentKey}. */
async function findCopies(
  { store }: RepairDeps,
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
  { host, store }: RepairDeps,
  layer: LayerRecord,
  scratch: string,
): Promise<string | undefined> {
  if (layer.writer !== "recipe") return undefined;
  const places = placesIn(scratch);
  const lower = store.directories(layer.parent);
  const open = (): AsyncIterable<Uint8Array> => layerArchive(host.syscalls, layer);
  try {
    await unpackLayer(host.syscalls, { ...places, lower }, { diffID: layer.diffID, name: "layer", open });
    return places.upper;
  } catch (error) {
    if (isKind(error, "data-loss") || isKind(error, "invalid-argument") || isKind(error, "not-found")) return undefined;
    throw error;
  }
}
