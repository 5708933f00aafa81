import { createHash } from "node:crypto";
import { decompress } from "../archive/decompress.ts";
import { BerthError, isKind } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { chainIDs, type DiffID, type Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { LayerArchive } from "../snapshot/unpack-layer.ts";
import { type ArrivingBlob, type BlobReader, type BlobState, Downloads, StaleDownload } from "./download.ts";
import type { ImageDeps } from "./images.ts";
import { packedLayer } from "./manifest-records.ts";

/** A layer of a manifest, and what of it is here. */
export interface PulledLayer {
  readonly blob: Descriptor;
  readonly diffID: DiffID;
  /** Its directory is here. */
  readonly unpacked: boolean;
  /** Its blob is here; or can be made again; or is the plain archive, and the directory is here. */
  readonly packed: boolean;
}

/** Look which layers are here. Neither directory nor bytes are looked at. */
export function layersHere(
  { db, content, snapshotter }: Pick<ImageDeps, "db" | "content" | "snapshotter">,
  blobs: readonly Descriptor[],
  diffIDs: readonly DiffID[],
): readonly PulledLayer[] {
  const chains = chainIDs(diffIDs);
  return blobs.flatMap((blob, index) => {
    const [diffID, chain] = [diffIDs[index], chains[index]];
    if (diffID === undefined || chain === undefined) return [];
    const unpacked = snapshotter.find(chain) !== undefined;
    const canBeMade = (): boolean => {
      const record = db.read((sql) => packedLayer(sql, blob.digest));
      return record?.diffID === diffID && record.writer !== null;
    };
    const packed = content.has(blob.digest) || (unpacked && (!isPacked({ blob, diffID }) || canBeMade()));
    return [{ blob, diffID, unpacked, packed }];
  });
}

/** True where the blob isn't the archive itself, which can always be made of the directory. */
function isPacked({ blob, diffID }: Pick<PulledLayer, "blob" | "diffID">): boolean {
  return blob.digest !== diffID;
}

/** The blobs that aren't here, each once. */
export function missingBlobs(layers: readonly PulledLayer[]): readonly Descriptor[] {
  const missing = layers.filter(({ packed }) => !packed).map(({ blob }) => blob);
  return [...new Map(missing.map((blob) => [blob.digest, blob])).values()];
}

/** What {@link bringLayers} takes. */
export interface LayersOptions extends Operation {
  /** Most blobs at once. */
  readonly parallel: number;
  /** Keep no blob: nothing is to name them. */
  readonly unpackedOnly?: boolean;
}

/**
 * Fetch, verify and unpack the layers that aren't here, side by side: a layer is unpacked while it arrives. In the end all are
 * committed snapshots, on the disk, and their blobs are kept where they can't be made again and are to be.
 *
 * @throws {BerthError} as `Repository.blob` and `Snapshotter.unpack`; data-loss, for a blob that isn't what its digest says
 */
export async function bringLayers(
  deps: ImageDeps,
  { repository, layers }: { readonly repository: BlobReader; readonly layers: readonly PulledLayer[] },
  options: LayersOptions,
): Promise<void> {
  for (;;) {
    try {
      return await bring(deps, { repository, layers }, options);
    } catch (error) {
      // What made it fail is gone: a blob comes from its first byte on the next time.
      if (!(error instanceof StaleDownload)) throw error;
    }
  }
}

async function bring(
  deps: ImageDeps,
  { repository, layers }: { readonly repository: BlobReader; readonly layers: readonly PulledLayer[] },
  { parallel, signal, report, unpackedOnly = false }: LayersOptions,
): Promise<void> {
  const stop = new AbortController();
  const stopped = AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])]);
  const progress = progressOf(report);
  await using downloads = new Downloads(deps, repository, { signal: stopped, parallel, progress });
  const missing = missingBlobs(layers);
  const arrivals = missing.map((blob) => downloads.get(blob).arrived);
  /** What somebody began to read, and didn't read to its end. */
  const doubtful = new Set<ArrivingBlob>();
  const openBlob = async function* (blob: Descriptor): AsyncGenerator<Uint8Array> {
    if (deps.content.has(blob.digest)) return yield* deps.content.read(blob.digest);
    const arriving = downloads.get(blob);
    doubtful.add(arriving);
    yield* arriving.open();
    doubtful.delete(arriving);
  };
  /** What is wrong with a layer may be that its bytes are others: whoever brings them knows at their end. */
  const verified = async <T>(read: Promise<T>): Promise<T> => {
    try {
      return await read;
    } catch (error) {
      if (isKind(error, "invalid-argument")) await Promise.all([...doubtful].map(({ arrived }) => arrived));
      throw error;
    }
  };
  const archives = layers.map((layer, index) => archiveOf(layer, { index, report, openBlob }));
  const warnings = report === undefined ? {} : { report };
  await together(stop, [
    verified(
      deps.snapshotter.unpack(undefined, archives, { signal: stopped, isBusy: missing.length > 0, ...warnings }),
    ),
    ...arrivals,
    ...layers.map((layer) => verified(verifyUnread(layer, { report, openBlob }))),
  ]);
  // One sync for all: that of the layers has the blobs on the disk, too.
  await deps.snapshotter.flush();
  const packed = new Set(layers.filter(isPacked).map(({ blob }) => blob.digest));
  for (const { digest } of missing) {
    if (packed.has(digest) && !unpackedOnly) await downloads.keep(digest);
    else downloads.drop(digest);
  }
}

/** Wait for all; the first failure stops the others, and is thrown when they have ended. */
async function together(stop: AbortController, tasks: readonly Promise<unknown>[]): Promise<void> {
  let failed: { readonly error: unknown } | undefined;
  const settled = tasks.map((task) =>
    task.catch((error: unknown) => {
      failed ??= { error };
      stop.abort(error);
    }),
  );
  await Promise.all(settled);
  if (failed !== undefined) throw (failed as { readonly error: unknown }).error;
}

/** How blobs are read, and who is told. */
interface Reading {
  readonly report: Operation["report"];
  readonly openBlob: (blob: Descriptor) => AsyncIterable<Uint8Array>;
}

function tellComplete(id: Digest, report: Operation["report"]): void {
  report?.({ kind: "step", id, name: "Pull complete", status: "done" });
}

function archiveOf(
  { blob, diffID, unpacked }: PulledLayer,
  { index, report, openBlob }: Reading & { readonly index: number },
): LayerArchive {
  const { digest: id, size } = blob;
  return {
    diffID,
    name: `layer ${index}`,
    size,
    open: async function* () {
      let current = 0;
      for await (const piece of openBlob(blob)) {
        current += piece.length;
        report?.({ kind: "bytes", id, name: "Extracting", current, total: size });
        yield piece;
      }
    },
    release: async () => {
      if (!unpacked) tellComplete(id, report);
    },
  };
}

/** A blob whose layer is here already isn't unpacked: read it for what it says of that layer to be true. */
async function verifyUnread(
  { blob, diffID, unpacked, packed }: PulledLayer,
  { report, openBlob }: Reading,
): Promise<void> {
  if (!unpacked || packed) return;
  const hash = createHash("sha256");
  for await (const piece of decompress(openBlob(blob))) hash.update(piece);
  const found: string = `sha256:${hash.digest("hex")}`;
  if (found === diffID) return tellComplete(blob.digest, report);
  throw new BerthError("invalid-argument", `invalid diffID for ${blob.digest}: expected "${diffID}", got "${found}"`);
}

/** Docker's words for how far a blob is. */
const words: Readonly<Record<Exclude<BlobState, "downloading">, string>> = {
  waiting: "Waiting",
  verifying: "Verifying Checksum",
  downloaded: "Download complete",
};

function progressOf(report: Operation["report"]): (blob: Descriptor, state: BlobState, bytes: number) => void {
  return ({ digest: id, size: total }, state, current) => {
    if (state === "downloading") report?.({ kind: "bytes", id, name: "Downloading", current, total });
    else report?.({ kind: "step", id, name: words[state], status: state === "downloaded" ? "done" : "started" });
  };
}

/** Say which layers are here, and which are to come. */
export function tellLayers(layers: readonly PulledLayer[], report: Operation["report"]): void {
  for (const { blob, unpacked, packed } of layers) {
    const { digest: id, size: total } = blob;
    const isHere = unpacked && packed;
    const name = isHere ? "Already exists" : "Pulling fs layer";
    report?.({ kind: "step", id, name, status: isHere ? "cached" : "started" });
    if (!packed) report?.({ kind: "bytes", id, name, current: 0, total });
  }
}

/** The blobs of these layers that are in the store and can't be made of the directories, each once. */
export function keptBlobs(
  { content }: Pick<ImageDeps, "content">,
  layers: readonly PulledLayer[],
): readonly { readonly digest: Digest; readonly size: number }[] {
  const kept = layers.filter((layer) => isPacked(layer) && content.has(layer.blob.digest));
  return [...new Map(kept.map(({ blob: { digest, size } }) => [digest, { digest, size }])).values()];
}
