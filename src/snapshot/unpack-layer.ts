import { type ByteString, bytesOf, textOf } from "../archive/byte-string.ts";
import { checkedBlob, type NamedBlob } from "../archive/checked-blob.ts";
import { Copier } from "../archive/copy-tree.ts";
import { decompress } from "../archive/decompress.ts";
import { applyLayer, type FileBelow } from "../archive/extract.ts";
import { ContentSums, ManifestRecorder, type ObserveOptions, observe } from "../archive/manifest.ts";
import { RecipeRecorder, type RecordedArchive } from "../archive/recipe.ts";
import { BerthError } from "../base/errors.ts";
import { type Operation, operationOf } from "../base/operation.ts";
import type { Syscalls } from "../host/syscalls.ts";
import type { DiffID } from "../oci/digest.ts";
import { adoptImplied } from "./implied.ts";
import { LayerStack } from "./layer-stack.ts";
import { resolveParents } from "./resolve-path.ts";

/** A layer's archive, as another program wrote it. */
export interface LayerArchive {
  /** What its bytes must hash to. */
  readonly diffID: DiffID;
  /** What errors call it: `layer 0`. */
  readonly name: string;
  /** The file that it comes in, where that is said to have a digest. */
  readonly blob?: NamedBlob;
  /** How many bytes {@link open} gives, where that is known. */
  readonly size?: number;
  /**
   * Its bytes, compressed or not. Asked for a second time when entries of the archive replace each other, or need what lies
   * below before that is there.
   */
  open(): AsyncIterable<Uint8Array>;
  /** Told when its bytes aren't needed any more. */
  release?(): Promise<void>;
}

/** Where a layer is unpacked to, and what lies below it. Paths are absolute. */
export interface UnpackPlaces {
  /** An empty directory. */
  readonly upper: string;
  /** Where the recipe is written, and where it is written what the directory holds. */
  readonly recipe: string;
  readonly manifest: string;
  /** Directories of the lower layers, the topmost first; undefined while they aren't all there. */
  readonly lower: readonly string[] | undefined;
}

/** Thrown where an archive can't be unpacked before the layers below it are there. */
export class LowerLayersNeeded extends Error {
  override readonly name: string = "LowerLayersNeeded";
}

/** What unpacking came to. */
export interface UnpackedLayer extends RecordedArchive {
  /** Sum of the sizes of its regular files and symlinks, bytes. */
  readonly size: number;
  /** Directories that are still to be made like those below, where those weren't there. @see AppliedLayer */
  readonly implied: readonly string[];
}

/** What {@link unpackLayer} takes beside an archive. */
export interface UnpackOptions extends Operation {
  /** Told when the layer's files are all there. */
  readonly onUnpacked?: () => void;
}

/**
 * Unpack a layer, hash its archive and write its recipe and its manifest, in one pass over the archive. Directories that it has files in
 * but doesn't list are like those below; a hard link may lead to a file of a lower layer, which becomes part of this one.
 *
 * @throws {BerthError} invalid-argument, when the archive is malformed or its digest another
 * @throws {LowerLayersNeeded}
 */
export async function unpackLayer(
  syscalls: Syscalls,
  places: UnpackPlaces,
  archive: LayerArchive & UnpackOptions,
): Promise<UnpackedLayer> {
  const { signal, report, onUnpacked } = archive;
  await using recorder = new RecipeRecorder(places.recipe);
  const sums = new ContentSums();
  const { size, implied, intact } = await applyLayer(recorder.through(plainBytes(archive)), places.upper, {
    syscalls,
    whiteouts: "overlay",
    findBelow: (name) => findBelow(syscalls, places, name),
    onContent: (path, chunk, offset) => {
      recorder.content(path, chunk, offset);
      sums.add(path, chunk, offset);
    },
    ...operationOf({ signal, report }),
  });
  const recorded = verified(archive, await recorder.finish());
  // What was replaced isn't there to be read again: the recipe holds all of the archive then.
  if (!intact) await recordWhole(places.recipe, archive);
  if (places.lower !== undefined) adoptImplied(syscalls, { upper: places.upper, lower: places.lower }, implied);
  onUnpacked?.();
  const known = { syscalls, ...(intact ? { sum: sums.get.bind(sums) } : {}) };
  await writeManifest(places.upper, places.manifest, known);
  return { ...recorded, size, implied: places.lower === undefined ? implied : [] };
}

/** The archive itself. The digest of a blob that isn't compressed is its diffID, which is checked elsewhere. */
function plainBytes(archive: LayerArchive): AsyncIterable<Uint8Array> {
  const { diffID, blob } = archive;
  const bytes = archive.open();
  return decompress(blob === undefined || blob.digest === diffID ? bytes : checkedBlob(bytes, blob));
}

async function writeManifest(directory: string, path: string, options: ObserveOptions): Promise<void> {
  const manifest = new ManifestRecorder();
  for await (const entry of observe(directory, options)) manifest.add(entry);
  await manifest.write(path);
}

async function recordWhole(recipe: string, archive: LayerArchive & Operation): Promise<void> {
  await using recorder = new RecipeRecorder(recipe);
  for await (const _chunk of recorder.through(plainBytes(archive))) archive.signal?.throwIfAborted();
  verified(archive, await recorder.finish());
}

function verified({ name, diffID }: LayerArchive, recorded: RecordedArchive): RecordedArchive {
  if (recorded.diffID === diffID) return recorded;
  throw new BerthError(
    "invalid-argument",
    `invalid diffID for ${name}: expected "${diffID}", got "${recorded.diffID}"`,
  );
}

/** A file of a lower layer, to be copied up as overlayfs does when it gets another name. */
function findBelow(syscalls: Syscalls, { upper, lower }: UnpackPlaces, name: ByteString): FileBelow | undefined {
  if (lower === undefined) throw new LowerLayersNeeded(`the archive links to ${textOf(name)}, which it doesn't have`);
  const stack = new LayerStack(syscalls, { layers: lower.map(bytesOf), upper: bytesOf(upper) });
  const path = resolveParents(stack, name);
  const file = stack.find(path);
  if (file === undefined || file.stats.isDirectory()) return undefined;
  return {
    path,
    bringUp: () => new Copier({ syscalls }).copy(file.source, `${bytesOf(upper)}/${path}`, file.stats),
  };
}
