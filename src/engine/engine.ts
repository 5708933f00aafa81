import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Operation } from "../base/operation.ts";
import type { BuildOptions, BuildResult } from "../build/build.ts";
import { type Containers, openContainers } from "../container/containers.ts";
import type { ContainerDeps } from "../container/deps.ts";
import { attendancePath } from "../container/deps.ts";
import { openContent } from "../content/content.ts";
import type { Finding } from "../host/doctor.ts";
import { type Host, openHost, type Places } from "../host/host.ts";
import { openBallast } from "../metadata/ballast.ts";
import { openDatabase, openState } from "../metadata/open.ts";
import { type Networks, openNetworks } from "../network/networks.ts";
import { openRuntime } from "../runtime/runtime.ts";
import { openSnapshotter } from "../snapshot/snapshotter.ts";
import { openVolumes, type Volumes } from "../volume/volumes.ts";
import type { StoreCheckOptions, StoreProblem } from "./check.ts";
import type { DiskUsage } from "./disk-usage.ts";
import { type Images, openImages } from "./images.ts";
import type { OwnerUsage } from "./owners.ts";

/** The front door: one object per process, closed with `await using`. */
export interface Engine extends AsyncDisposable {
  readonly places: Required<Places>;
  /** Whose cgroups a container sees on this machine: where they are v2 its own. */
  readonly cgroups: "host" | "private";
  readonly images: Images;
  readonly containers: Containers;
  readonly networks: Networks;
  readonly volumes: Volumes;
  /** Build an image from a Dockerfile. @throws {BuildError} */
  build(options: BuildOptions): Promise<BuildResult>;
  /** What takes space, and what of it nothing uses. */
  usage(): Promise<DiskUsage>;
  /** Check the store against its invariants, `docs/store.md`, and mend what is wrong when asked. */
  check(options?: StoreCheckOptions): AsyncIterable<StoreProblem>;
  /** Whose every file below the root is. */
  owners(operation?: Operation): Promise<readonly OwnerUsage[]>;
  /** Delete what commands that were killed have left; nothing that a living process holds. */
  collectGarbage(operation?: Operation): Promise<void>;
  /** Forget what earlier builds left, and delete the layers that nothing else needs. @returns bytes freed */
  pruneBuilds(operation?: Operation): Promise<number>;
  /** What this machine offers, and how to mend what is missing. */
  doctor(): Promise<readonly Finding[]>;
}

/** What an engine is opened for. */
export interface EngineUse {
  /** It deletes or reads alone, and is to work when the disk is full. False when absent. */
  readonly onFullDisk?: boolean;
}

/**
 * Open an engine. The places are made when they aren't there.
 *
 * @throws {BerthError} failed-precondition, when a newer berth wrote the store
 */
export async function openEngine(places: Places = {}, { onFullDisk = false }: EngineUse = {}): Promise<Engine> {
  const host = openHost(places);
  await using stack = new AsyncDisposableStack();
  // Closed last: while a database is open, its log takes space.
  stack.use(await openBallast(host, { giveUp: onFullDisk }));
  const [db, state] = await Promise.all([openDatabase(host), openState(host)]);
  stack.use(db);
  stack.use(state);
  const snapshotter = stack.use(openSnapshotter(host, db));
  const networks = openNetworks({ host, database: db, state });
  const volumes = openVolumes(host, db);
  const shared = { host, db, content: openContent(host), snapshotter };
  const runtime = openRuntime(host);
  const deps: ContainerDeps = {
    ...shared,
    state,
    runtime,
    networks,
    volumes,
    directoryOf: (id) => join(host.root, "containers", id),
    endpointOf: (id) => networks.endpoints(id)[0],
    allEndpoints: () => networks.allEndpoints(),
    exitCommand: (id) => exitCommand(host, id),
  };
  const containers = openContainers(deps);
  const owned = stack.move();
  return {
    places: { root: host.root, runRoot: host.runRoot },
    cgroups: host.cgroup.version === 2 ? "private" : "host",
    images: openImages(deps),
    containers,
    networks,
    volumes,
    build: async (options) => {
      const { build } = await import("../build/build.ts");
      return await build({ ...shared, runtime, networks }, options);
    },
    usage: async () => {
      const { diskUsage } = await import("./disk-usage.ts");
      return await diskUsage(deps, containers);
    },
    pruneBuilds: async (operation) => {
      const { pruneBuilds } = await import("../build/prune.ts");
      const { collectGarbage } = await import("./garbage.ts");
      const bytes = await pruneBuilds({ ...shared, runtime, networks }, operation);
      await collectGarbage(deps, operation);
      return bytes;
    },
    check: async function* (options) {
      const { checkStore } = await import("./check.ts");
      yield* checkStore(deps, options);
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

/** Start a berth that settles a container's end, unless somebody in the foreground attends to it: flock(1) is quicker to start. */
function exitCommand(host: Host, id: string): readonly [string, ...string[]] {
  const attended = attendancePath({ host }, id);
  return [
    "flock",
    "--nonblock",
    attended,
    commandPath(),
    "--root",
    host.root,
    "--run-root",
    host.runRoot,
    "internal-exited",
    id,
  ];
}

/** The command that belongs to this library: `bin/berth` of the package. */
function commandPath(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const path = join(directory, "bin", "berth");
    if (existsSync(path) || directory === "/") return path;
  }
}
