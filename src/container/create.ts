import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { dirname, join } from "node:path";
import { BerthError } from "../base/errors.ts";
import { randomID } from "../base/ids.ts";
import { getImage, type Image } from "../image/images.ts";
import { getPlatformImage } from "../image/indexes.ts";
import { chainIDs } from "../oci/digest.ts";
import { hostPlatform, platformText } from "../oci/platform.ts";
import { runsOn } from "../oci/platform-choice.ts";
import { ulimitWarnings } from "../runtime/ulimits.ts";
import type { ComingImage, Container, ContainerMount } from "./container.ts";
import { attendancePath, type ContainerDeps } from "./deps.ts";
import { checkName, randomName } from "./names.ts";
import { findContainer, insertContainer } from "./records.ts";
import type { ContainerRequest } from "./request.ts";
import { settleConfig } from "./settle.ts";
import { prepareMounts } from "./volumes.ts";
import { useServed } from "./whole.ts";

/** Tries at a made-up name before the collision is told. */
const nameTries = 10;

/** The error of a container that whoever isn't root wants to have. */
function needsRoot(): BerthError {
  return new BerthError(
    "failed-precondition",
    "containers need root of this machine: without it, berth builds images",
    {
      hint: "Run it as root. What an image has in it comes out with `berth build --output DIRECTORY` of a Dockerfile `FROM IMAGE`, or `berth save`.",
    },
  );
}

/** An image that is started before it is here as a whole: a process serves its layers. */
export interface EarlyImage extends Pick<Image, "id" | "config"> {
  readonly coming: ComingImage;
}

/**
 * Make a container: its read-write layer, its volumes, its record. Nothing runs yet.
 *
 * @throws {BerthError} not-found, without the image; conflict, when the name is taken; invalid-argument, for what can't be
 */
export async function createContainer(
  deps: ContainerDeps,
  request: ContainerRequest,
  early?: EarlyImage,
): Promise<Container> {
  if (deps.host.rootless) throw needsRoot();
  const name = request.name === undefined ? undefined : checkName(request.name);
  const image = early ?? imageOf(deps, request);
  // What serves the layers goes on while they are looked at.
  using _served = await useServed(deps, early?.coming);
  const id = randomID();
  const chainID = chainIDs(image.config.rootfs.diff_ids).at(-1);
  const run = image.config.config ?? {};
  // What can be refused is refused before anything is made.
  const machine = { hostname: hostname(), cpus: availableParallelism() };
  const settled = settleConfig({ id, request, image: run, machine });
  const directory = deps.directoryOf(id);
  await using stack = new AsyncDisposableStack();
  const tree = deps.snapshotter.view(chainID);
  const volumes = Object.keys(run.Volumes ?? {});
  const mounts = await prepareMounts(deps, request.volumes, { volumes, tree, undo: stack });
  const snapshot = stack.use(
    await deps.snapshotter.prepare(id, chainID, { init: (init) => makeMountPoints(init, mounts) }),
  );
  mkdirSync(directory, { recursive: true, mode: 0o710 });
  mkdirSync(dirname(attendancePath(deps, id)), { recursive: true, mode: 0o700 });
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const config = { ...settled, mounts };
  const created = new Date().toISOString();
  const coming = early === undefined ? {} : { coming: early.coming };
  const record = { id, imageID: image.id, chainID, created, request, config, ...coming };
  await insertNamed(deps, record, name);
  snapshot.keep();
  stack.move();
  return findContainer(deps, id);
}

/** What a container that is made as asked will have otherwise, a sentence each. */
export function warningsOf(deps: ContainerDeps, request: ContainerRequest, early?: EarlyImage): readonly string[] {
  const { config } = early ?? imageOf(deps, request);
  const isForeign = request.platform === undefined && !runsOn(undefined, config);
  const mismatch = `The requested image's platform (${platformText(config)}) does not match the detected host platform (${platformText(hostPlatform)}) and no specific platform was requested`;
  return [...ulimitWarnings(request.ulimits), ...(isForeign ? [mismatch] : [])];
}

/** @throws {BerthError} not-found */
function imageOf(deps: ContainerDeps, { image, platform }: ContainerRequest): Image {
  return platform === undefined ? getImage(deps, image) : getPlatformImage(deps, image, platform);
}

async function insertNamed(
  deps: ContainerDeps,
  record: Omit<Parameters<typeof insertContainer>[1], "name">,
  name: string | undefined,
): Promise<void> {
  if (name !== undefined) return await insertContainer(deps, { ...record, name });
  for (let tries = 1; ; tries++) {
    try {
      return await insertContainer(deps, { ...record, name: randomName() });
    } catch (error) {
      if (!(error instanceof BerthError && error.kind === "conflict") || tries === nameTries) throw error;
    }
  }
}

/** Files that mounts lie on belong to a layer of their own, so that neither `diff` nor `commit` shows them, as in Docker. */
function makeMountPoints(init: string, mounts: readonly ContainerMount[]): void {
  for (const path of ["dev/pts", "dev/shm", "proc", "sys", "etc"]) {
    mkdirSync(join(init, path), { recursive: true, mode: 0o755 });
  }
  for (const path of [".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf"]) {
    writeFileSync(join(init, path), "", { mode: 0o755 });
  }
  symlinkSync("/proc/mounts", join(init, "etc/mtab"));
  for (const { kind, source, target } of mounts)
    if (kind === "volume" && source !== "") mkdirSync(join(init, dirname(target)), { recursive: true });
}
