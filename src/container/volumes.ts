import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { bytesOf } from "../archive/byte-string.ts";
import { Copier } from "../archive/copy-tree.ts";
import { BerthError } from "../base/errors.ts";
import type { MergedTree } from "../snapshot/merged-tree.ts";
import { createBindSource } from "../volume/bind-source.ts";
import { cleanPath } from "../volume/mount-spec.ts";
import type { ContainerMount } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import type { VolumeRequest } from "./request.ts";

/** What a container is made of that has its mounts. */
interface MountedImage {
  /** Its `VOLUME`s. */
  readonly volumes: readonly string[];
  readonly tree: MergedTree;
  /** Takes the volumes that are made for the container alone away again, should it not come to be. */
  readonly undo: AsyncDisposableStack;
}

/** Make or find what a container mounts: what was asked for, and an anonymous volume for every other VOLUME of its image. */
export async function prepareMounts(
  deps: ContainerDeps,
  requests: readonly VolumeRequest[],
  image: MountedImage,
): Promise<readonly ContainerMount[]> {
  const requested = requests.map((request) => ({ ...request, target: cleanPath(request.target) }));
  const taken = new Set(requested.map(({ target }) => target));
  // What an image says is anybody's word: none of its volumes is to lie outside.
  const declared = new Set(image.volumes.map(cleanPath)).difference(taken);
  const mounts: ContainerMount[] = [];
  for (const request of [...requested, ...Array.from(declared, (target) => ({ ...anonymous, target }))]) {
    mounts.push(request.kind === "bind" ? prepareBind(request) : await prepareVolume(deps, request, image));
  }
  return mounts;
}

/** An image's `VOLUME` is what a `-v` with nothing but a path is. */
const anonymous = { kind: "volume", readonly: false, mode: "", createSource: true, noCopy: false } as const;

function prepareBind(request: VolumeRequest): ContainerMount {
  const { source = "", target, readonly, propagation = "rprivate", mode = "", createSource } = request;
  if (createSource) createBindSource(source);
  else if (statSync(source, { throwIfNoEntry: false }) === undefined) {
    throw new BerthError(
      "invalid-argument",
      `invalid mount config for type "bind": bind source path does not exist: ${source}`,
    );
  }
  return { kind: "bind", source, target, readonly, propagation, mode };
}

async function prepareVolume(
  deps: ContainerDeps,
  request: VolumeRequest,
  { tree, undo }: MountedImage,
): Promise<ContainerMount> {
  const { source, target, readonly, noCopy } = request;
  const volume = await deps.volumes.create(source === undefined ? {} : { name: source });
  if (source === undefined) undo.defer(() => deps.volumes.remove(volume.name, { force: true }));
  if (!noCopy && readdirSync(volume.mountpoint).length === 0) fillVolume(deps, volume.mountpoint, { tree, target });
  return {
    kind: "volume",
    name: volume.name,
    source: volume.mountpoint,
    target,
    readonly,
    propagation: "",
    mode: modeOf(request),
  };
}

/** Volumes that have no options are shown as shared by all containers, as in Docker, but for those of a `-v` without a name. */
function modeOf({ source, mode }: VolumeRequest): string {
  if (mode === undefined) return "z";
  return source === undefined ? mode : mode || "z";
}

/** Docker's copy-up: an empty volume gets what the image has at its mount point, with the directory's own mode and owner. */
function fillVolume(
  deps: ContainerDeps,
  mountpoint: string,
  { tree, target }: { tree: MergedTree; target: string },
): void {
  const entry = tree.stat(target);
  if (entry === undefined || entry.kind !== "dir") return;
  const copier = new Copier({ syscalls: deps.host.syscalls });
  copyMerged(copier, tree, { from: entry.path, to: mountpoint });
  copier.finish();
}

function copyMerged(copier: Copier, tree: MergedTree, { from, to }: { from: string; to: string }): void {
  const entry = tree.lstat(from);
  if (entry === undefined) return;
  copier.copy(bytesOf(entry.source), bytesOf(to), entry.stats);
  if (entry.kind !== "dir") return;
  for (const name of tree.readdir(from)) copyMerged(copier, tree, { from: join(from, name), to: join(to, name) });
}
