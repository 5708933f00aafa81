import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { bytesOf } from "../archive/byte-string.ts";
import { Copier } from "../archive/copy-tree.ts";
import { layerWriters, treeTar } from "../archive/layer-tar.ts";
import { childOf, type WalkedFile } from "../archive/walk.ts";
import { BerthError } from "../base/errors.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { heldDir } from "../host/held-dir.ts";
import { creationTime } from "../image/creation-time.ts";
import type { ChainID } from "../oci/digest.ts";
import { type Platform, platformText } from "../oci/platform.ts";
import type { BuildOptions } from "./build.ts";
import type { Built } from "./export-images.ts";
import type { PlatformTarget } from "./lower-platforms.ts";
import type { OpDeps } from "./op-deps.ts";

/** Where the file system of a target goes, besides or in place of an image. */
export type FilesOutput = (
  | /** A directory, made for its owner alone when it isn't there; what it has already stays, unless a file of the same name takes its place. */
  { readonly kind: "local"; readonly directory: string }
  /** A tar archive; `write` takes it to its end. A chunk is good until the next but one is asked for. */
  | { readonly kind: "tar"; readonly write: (archive: AsyncIterable<Uint8Array>) => Promise<void> }
) & {
  /** Each platform in a directory of its own, `linux_arm64`; when absent, where there are several. */
  readonly split?: boolean;
};

/** The file system of a target for one platform. */
export interface PlatformTree {
  readonly platform: Platform;
  readonly chainID: ChainID | undefined;
  /** Files that come beside. */
  readonly more?: readonly WalkedFile[];
}

/** Write the file systems of targets out, with what is said of them. @throws {BerthError} as {@link exportFiles} */
export async function exportTargets(
  deps: OpDeps,
  built: Built,
  options: Pick<BuildOptions, "attestations" | "files" | "signal">,
): Promise<void> {
  const { targets, solved, attest } = built;
  const operation: Operation = stoppedBy(options.signal);
  await using directory = attest && (await heldDir(deps.host.syscalls, deps.host.runRoot, "step-"));
  for (const output of options.files ?? []) {
    const trees: PlatformTree[] = [];
    for (const target of targets) {
      const tree = { platform: target.platform, chainID: solved.get(target.lowered.output)?.chainID };
      const place = directory === undefined ? undefined : { directory: directory.path, output };
      const more = place === undefined ? [] : await attested(deps, { ...place, built, tree, target }, options);
      trees.push({ ...tree, more });
    }
    await exportFiles(deps, { trees, output }, operation);
  }
}

interface AttestedTree {
  readonly built: Built;
  readonly target: PlatformTarget;
  readonly tree: PlatformTree;
  readonly output: FilesOutput;
  readonly directory: string;
}

/** What is said of a target, as files. */
async function attested(
  deps: OpDeps,
  { built, target, tree: { platform, chainID }, output, directory }: AttestedTree,
  { attestations, signal }: Pick<BuildOptions, "attestations" | "signal">,
): Promise<readonly WalkedFile[]> {
  const { targets, attest, epoch } = built;
  const { attestationFiles } = await import("./attest/files.ts");
  const created = creationTime(epoch ?? Math.floor(Date.now() / 1000));
  const isShared = targets.length > 1 && output.split === false;
  const files = {
    tree: deps.snapshotter.view(chainID),
    statements: (await attest?.({ ...target, chainID, created })) ?? [],
    provenance: attestations?.provenance,
    mark: isShared ? `.${placeOf(platform)}` : "",
    time: Date.parse(created) / 1000,
    directory,
  };
  return await attestationFiles(files, stoppedBy(signal));
}

/** Files copied between two turns of the event loop. */
const filesPerTurn = 200;

/**
 * Write file systems out.
 *
 * @throws {BerthError} conflict, where a directory of the one is a file of the other, or two platforms have a file of the same name
 */
async function exportFiles(
  deps: OpDeps,
  { trees, output }: { readonly trees: readonly PlatformTree[]; readonly output: FilesOutput },
  { signal }: Operation,
): Promise<void> {
  const { syscalls } = deps.host;
  const stop = stoppedBy(signal);
  const split = output.split ?? trees.length > 1;
  const walked = walkAll(deps, trees, split);
  if (output.kind === "tar") {
    return await output.write(treeTar(walked, { ...stop, syscalls, writer: layerWriters.made }));
  }
  const root = resolve(output.directory);
  // An empty file system has no root that would make the place of its platform.
  for (const place of split ? trees.map(({ platform }) => placeOf(platform)) : [""])
    await mkdir(join(root, place), { recursive: true, mode: 0o700 });
  // As BuildKit's client writes them: they belong to whoever asked for them.
  const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const copier = new Copier({ ...stop, syscalls, owner });
  let files = 0;
  for (const { name, path, stats } of walked) {
    if (name !== "") copier.copy(path, childOf(bytesOf(root), name), stats);
    if (++files % filesPerTurn !== 0) continue;
    await turn();
    signal?.throwIfAborted();
  }
  copier.finish();
}

/** Everything in file systems, each below the name of its platform where they are split. */
function* walkAll(deps: OpDeps, trees: readonly PlatformTree[], split: boolean): Generator<WalkedFile> {
  const seen = trees.length > 1 && !split ? new Map<string, boolean>() : undefined;
  for (const { platform, chainID, more = [] } of trees) {
    const place = split ? placeOf(platform) : "";
    for (const file of chained(deps.snapshotter.view(chainID).walk(), more)) {
      const { stats } = file;
      const name = [place, file.name].filter((part) => part !== "").join("/");
      if (split) yield { ...file, name };
      else if (seen === undefined || isNew(seen, name, stats.isDirectory())) yield file;
    }
  }
}

function placeOf(platform: Platform): string {
  return platformText(platform).replaceAll("/", "_");
}

function* chained<T>(...lists: readonly Iterable<T>[]): Generator<T> {
  for (const list of lists) yield* list;
}

/** Notes a name. @returns false for a directory that was there @throws {BerthError} conflict */
function isNew(seen: Map<string, boolean>, name: string, isDirectory: boolean): boolean {
  const before = seen.get(name);
  if (before === undefined) seen.set(name, isDirectory);
  else if (!before || !isDirectory) {
    throw new BerthError("conflict", `two platforms have a file ${Buffer.from(name, "latin1").toString()}`, {
      hint: "Without platform-split=false each platform gets a directory of its own.",
    });
  }
  return before === undefined;
}
