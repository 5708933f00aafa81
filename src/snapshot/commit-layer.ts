import { bytesOf, pathOf } from "../archive/byte-string.ts";
import { copyTree } from "../archive/copy-tree.ts";
import { hashLayer, layerWriters } from "../archive/layer-tar.ts";
import { ManifestRecorder } from "../archive/manifest.ts";
import { walk } from "../archive/walk.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import type { Host } from "../host/host.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { type ChainID, childChain } from "../oci/digest.ts";
import type { LayerRecord } from "./layer-records.ts";
import type { LayerStore } from "./layer-store.ts";
import { type HashedUpper, hashMade, type LookOptions } from "./made-layer.ts";
import type { CommitOptions } from "./snapshotter.ts";

/** What layers are made with. This file and what it imports is loaded when one is. */
export interface CommitDeps {
  readonly host: Host;
  readonly store: LayerStore;
}

/** An active snapshot that becomes a layer. Paths are absolute. */
export interface Upper {
  readonly directory: string;
  readonly parent: ChainID | undefined;
  /** Where its manifest is written, on the same disk. */
  readonly manifest: string;
}

/** Time that hashing may take before the layer's data is sent to the disk meanwhile, milliseconds. */
const writebackDelay = 100;

/** Hash what an upper directory holds, in berth's own form, and move it to its place. */
export async function commitUpper(
  { host, store }: CommitDeps,
  { directory, parent, manifest }: Upper,
  { signal, writer = layerWriters.made, latest, mounted = false, again = false }: CommitOptions,
): Promise<LayerRecord> {
  const { syscalls } = host;
  if (mounted && host.unprivileged) {
    const { inheritKept } = await import("./inherit-kept.ts");
    inheritKept(syscalls, { upper: directory, lower: store.directories(parent) });
  }
  if (latest !== undefined) clampTimes(syscalls, directory, latest);
  const headStart = again ? undefined : setTimeout(() => store.startWriteback(), writebackDelay);
  try {
    const options = { syscalls, ...stoppedBy(signal) };
    const { hashed, recorder } =
      writer === layerWriters.made ? await hashMade(directory, options) : await hashTaken(directory, options);
    await recorder.write(manifest);
    const layer = { ...hashed, chainID: childChain(parent, hashed.diffID), parent, writer };
    return await store.add({ directory, manifest }, layer);
  } finally {
    clearTimeout(headStart);
  }
}

async function hashTaken(directory: string, options: LookOptions): Promise<HashedUpper> {
  const recorder = new ManifestRecorder();
  return {
    hashed: await hashLayer(directory, { ...options, writer: layerWriters.taken, manifest: recorder }),
    recorder,
  };
}

/** Give files that are younger than `latest` that time. */
function clampTimes(syscalls: Syscalls, directory: string, latest: bigint): void {
  for (const { path, stats } of walk(bytesOf(directory))) {
    if (stats.mtimeNs > latest) syscalls.lutimes(pathOf(path), latest, latest);
  }
}

/** Copy one upper directory into another, which is empty. */
export async function copyUpper(
  { host }: CommitDeps,
  { from, to }: { readonly from: string; readonly to: string },
  { signal }: Operation,
): Promise<void> {
  await copyTree(from, to, { syscalls: host.syscalls, layer: true, ...stoppedBy(signal) });
}
