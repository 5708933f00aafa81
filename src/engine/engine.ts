import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Operation, stoppedBy } from "../base/operation.ts";
import type { BuildDeps, BuildOptions, BuildResult, FilesResult } from "../build/build.ts";
import type { BuildUsage } from "../build/cache-usage.ts";
import { type Dockerfiles, openDockerfiles } from "../build/dockerfiles.ts";
import type { PruneBuilds } from "../build/prune.ts";
import type { Verdict } from "../build/verify.ts";
import { type Containers, openContainers } from "../container/containers.ts";
import type { ContainerDeps } from "../container/deps.ts";
import { attendancePath } from "../container/deps.ts";
import { openContent } from "../content/content.ts";
import type { Finding } from "../host/doctor.ts";
import { type Host, openHost, type Places } from "../host/host.ts";
import type { PullDeps } from "../image/pull.ts";
import type { PushDeps } from "../image/push.ts";
import { openBallast } from "../metadata/ballast.ts";
import { openDatabase, openState } from "../metadata/open.ts";
import { type Networks, openNetworks } from "../network/networks.ts";
import { openRuntime } from "../runtime/runtime.ts";
import { openSnapshotter } from "../snapshot/snapshotter.ts";
import { openVolumes, type Volumes } from "../volume/volumes.ts";
import { type Builds, openBuildHistory } from "./builds.ts";
import { type Cache, openCache } from "./cache.ts";
import type { StoreCheckOptions, StoreProblem } from "./check.ts";
import type { DiskUsage } from "./disk-usage.ts";
import { type FailedSteps, openFailedSteps } from "./failed-steps.ts";
import { type Images, openImages } from "./images.ts";
import { type Lazy, openLazy, pullWhole } from "./lazy.ts";
import type { OwnerUsage } from "./owners.ts";
import { type LazyRegistries, lazyRegistries } from "./registries.ts";

/** The front door: one object per process, closed with `await using`. */
export interface Engine extends AsyncDisposable {
  readonly places: Required<Places>;
  /** Whose cgroups a container sees on this machine: where they are v2 its own. */
  readonly cgroups: "host" | "private";
  readonly images: Images;
  readonly containers: Containers;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly cache: Cache;
  readonly dockerfiles: Dockerfiles;
  /** Earlier builds. */
  readonly builds: Builds;
  readonly lazy: Lazy;
  readonly failedSteps: FailedSteps;
  /** Build an image from a Dockerfile. @throws {BuildError} */
  build(options: BuildOptions): Promise<BuildResult>;
  /** Build a target for its files alone: see `files`. No image is made. @throws {BuildError} */
  buildFiles(options: Omit<BuildOptions, "tags" | "labels">): Promise<FilesResult>;
  /** Build again what an image was built of, under other conditions, and compare. Nothing of it is kept. @throws {BuildError} */
  verify(image: string, options: Omit<BuildOptions, "tags" | "noCache" | "conditions">): Promise<Verdict>;
  /** What takes space, and what of it nothing uses. */
  usage(): Promise<DiskUsage>;
  /** Check the store against its invariants, `docs/store.md`, and mend what is wrong when asked. */
  check(options?: StoreCheckOptions): AsyncIterable<StoreProblem>;
  /** Whose every file below the root is. */
  owners(operation?: Operation): Promise<readonly OwnerUsage[]>;
  /** Delete what commands that were killed have left; nothing that a living process holds. */
  collectGarbage(operation?: Operation): Promise<void>;
  /** Forget what earlier builds left, and delete the layers that nothing else needs. @returns bytes freed */
  pruneBuilds(options?: PruneBuilds): Promise<number>;
  /** What earlier builds left, what was used longest ago first. */
  buildUsage(): Promise<readonly BuildUsage[]>;
  /** What this machine offers, and how to mend what is missing. */
  doctor(): Promise<readonly Finding[]>;
}

/** What an engine is opened for. */
export interface EngineUse {
  /** It deletes or reads alone, and is to work when the disk is full. False when absent. */
  readonly onFullDisk?: boolean;
  /** The process ends when the engine is disposed. False when absent. */
  readonly untilExit?: boolean;
  /** Told what a user should know and no operation fails for: a place of credentials that can't be read. */
  readonly warn?: (message: string) => void;
}

/**
 * Open an engine. The places are made when they aren't there.
 *
 * @throws {BerthError} failed-precondition, when a newer berth wrote the store
 */
export async function openEngine(
  places: Places = {},
  { onFullDisk = false, untilExit = false, warn }: EngineUse = {},
): Promise<Engine> {
  const host = await withKept(openHost(places));
  await using stack = new AsyncDisposableStack();
  // Closed last: while a database is open, its log takes space.
  const { isTight } = stack.use(await openBallast(host, { giveUp: onFullDisk }));
  const [db, state] = await Promise.all([openDatabase(host), openState(host)]);
  // The end of a process does it without the four waits for the disk that closing takes. The log stays, as when it is killed.
  if (!untilExit || isTight) {
    stack.use(db);
    stack.use(state);
  }
  const snapshotter = stack.use(openSnapshotter(host, db));
  const networks = openNetworks({ host, database: db, state });
  const volumes = openVolumes(host, db);
  const shared = { host, db, content: openContent(host), snapshotter };
  const runtime = openRuntime(host);
  const registries = stack.use(lazyRegistries(warn === undefined ? {} : { warn }));
  const openTransfer = async (): Promise<PullDeps & PushDeps> => ({ ...shared, ...(await registries.open()) });
  const deps: ContainerDeps = {
    ...shared,
    state,
    runtime,
    networks,
    volumes,
    directoryOf: (id) => join(host.root, "containers", id),
    endpointOf: (id) => networks.endpoints(id)[0],
    allEndpoints: () => networks.allEndpoints(),
    pullWhole: async (image, operation) => await pullWhole(await openTransfer(), image, operation),
    exitCommand: (id) => exitCommand(host, id),
  };
  const containers = openContainers(deps);
  const images = openImages(deps, openTransfer, warn);
  const owned = stack.move();
  return {
    places: { root: host.root, runRoot: host.runRoot },
    cgroups: host.cgroup.version === 2 ? "private" : "host",
    images,
    containers,
    networks,
    volumes,
    cache: openCache(deps, registries),
    dockerfiles: openDockerfiles(shared),
    lazy: openLazy(deps, { argv: ownWords(host), openPull: openTransfer }),
    ...openBuilds({
      ...{ ...shared, runtime, networks },
      ...{ openPull: openTransfer, openLayout, ...cacheRegistries(registries) },
    }),
    usage: async () => await (await import("./disk-usage.ts")).diskUsage(deps, containers),
    ...openBuildCache(deps),
    check: async function* (options) {
      const { checkStore } = await import("./check.ts");
      yield* checkStore({ ...deps, openRegistries: openTransfer }, options);
    },
    owners: async (operation) => {
      const { storeOwners } = await import("./owners.ts");
      return storeOwners(deps, operation);
    },
    collectGarbage: async (operation) => {
      const { collectGarbage } = await import("./garbage.ts");
      await collectGarbage(deps, operation);
    },
    doctor: async () => {
      const { examine } = await import("../host/doctor.ts");
      return await examine(host);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function withKept(host: Host): Promise<Host> {
  if (!host.unprivileged) return host;
  const { keepingSyscalls } = await import("../snapshot/kept-attributes.ts");
  return { ...host, syscalls: keepingSyscalls(host.syscalls, host.root) };
}

const openLayout: BuildDeps["openLayout"] = async (reference) => {
  const { openLayoutImage } = await import("../copy/layout-image.ts");
  return await openLayoutImage(reference);
};

function openBuilds(deps: BuildDeps): Pick<Engine, "build" | "buildFiles" | "builds" | "failedSteps" | "verify"> {
  return {
    verify: async (image, options) => {
      const { verifyImage } = await import("../build/verify.ts");
      return await verifyImage(deps, image, options);
    },
    failedSteps: openFailedSteps(deps),
    builds: openBuildHistory(deps),
    build: async (options) => {
      const { build } = await import("../build/build.ts");
      return await affordably(deps, options, () => build(deps, options));
    },
    buildFiles: async (options) => {
      const { buildFiles } = await import("../build/build.ts");
      return await affordably(deps, options, () => buildFiles(deps, options));
    },
  };
}

async function affordably<T>(deps: BuildDeps, operation: Operation, body: () => Promise<T>): Promise<T> {
  const { withinBudget } = await import("../build/within-budget.ts");
  return await withinBudget(deps, operation, body);
}

function openBuildCache(deps: ContainerDeps): Pick<Engine, "pruneBuilds" | "buildUsage"> {
  return {
    pruneBuilds: async (options = {}) => {
      const { pruneBuilds } = await import("../build/prune.ts");
      const { collectGarbage } = await import("./garbage.ts");
      const bytes = await pruneBuilds(deps, options);
      await collectGarbage(deps, stoppedBy(options.signal));
      return bytes;
    },
    buildUsage: async () => await (await import("../build/cache-usage.ts")).buildUsages(deps),
  };
}

/** The registries that build caches lie in. */
function cacheRegistries(registries: LazyRegistries): Pick<BuildDeps, "openRegistries"> {
  return {
    openRegistries: async (insecure) => {
      const usual = await registries.open();
      return insecure === undefined ? usual : { ...usual, registries: await registries.openInsecure(insecure) };
    },
  };
}

/** Start a berth that settles a container's end, unless somebody waits for it and will: flock(1) is quicker to start. */
function exitCommand(host: Host, id: string): readonly [string, ...string[]] {
  const attended = attendancePath({ host }, id);
  return ["flock", "--nonblock", attended, ...ownWords(host), "internal-exited", id];
}

/** The words that start a berth with the places of this one. */
function ownWords({ root, runRoot }: Host): readonly string[] {
  return [commandPath(), "--root", root, "--run-root", runRoot];
}

/** The command that belongs to this library: `bin/berth` of the package. */
function commandPath(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const path = join(directory, "bin", "berth");
    if (existsSync(path) || directory === "/") return path;
  }
}
