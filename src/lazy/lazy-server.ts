import { mkdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { monotonic } from "../base/clock.ts";
import { BerthError, codeOf, messageOf } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import { type Lock, lock, tryLock } from "../host/lock.ts";
import { startTime } from "../host/process.ts";
import { type PreparedPull, type PullDeps, preparePull } from "../image/pull.ts";
import { type ChainID, chainIDs } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import type { Platform } from "../oci/platform.ts";
import { familiar, type Reference, withDefaultTag } from "../oci/reference.ts";
import { type ServedLayers, servedDirectory, servedFile, servedLayers, usedFile } from "../snapshot/served-layers.ts";
import { ChunkReader } from "./chunk-reader.ts";
import { type FuseMount, mountFuse } from "./fuse-mount.ts";
import { politeRegistries } from "./polite-registries.ts";
import { layersToServe, prefetched, type ServableLayer } from "./servable-layers.ts";
import { treeHandler } from "./served-tree.ts";

/** What a server of layers says once, when it is known. */
export type LazyAnswer =
  /** The image's layers are served; the directory says how, `snapshot/served-layers.ts`. */
  | { readonly directory: string }
  /** They aren't, and an ordinary pull is to bring the image; `""` where that is the better way, or the one to tell what is wrong. */
  | { readonly refused: string };

/** What {@link serveLazily} takes beside the name. */
export interface LazyServerOptions extends Operation {
  readonly platform?: Platform;
  readonly answer: (answer: LazyAnswer) => void;
  /** The image is here as a whole: called before its layers are served no longer. */
  readonly onWhole: (chainID: ChainID) => Promise<void>;
  /** Whether there is a container that needs what is served, running or not. */
  readonly isUsed: (chainID: ChainID) => boolean;
  readonly log: (message: string) => void;
}

/** Where a server keeps the image's config, for whoever makes a container of it. */
export const servedConfigFile = "config.json";

/** Bytes of content that are kept in memory. */
const memory = 64 << 20;
/** Milliseconds without a question from a container after which the rest is pulled, and those after which it is anyway. */
const quiet = { after: 500, most: 10_000 };
/** Pauses between tries at the rest, milliseconds. */
const pauses = [1000, 5000, 30_000, 120_000, 600_000];
/** Milliseconds between two looks in a pause whether somebody uses what is served. */
const lookEvery = 1000;
/** Milliseconds that one who was told of what is served has to record a container of it. */
const patience = 10_000;

/**
 * Serve the layers of an image that aren't here as a file system, in the mount namespace that this process has for itself, while the
 * image is pulled; end when it is here, or can't be had now, and no container uses the file system any more. Where another process
 * serves it already, that is the answer.
 */
export async function serveLazily(deps: PullDeps, name: Reference, options: LazyServerOptions): Promise<void> {
  const { platform, answer, signal = new AbortController().signal } = options;
  const reader = new ChunkReader({ repository: deps.registries.repository(name), memory, signal });
  const polite = { ...deps, registries: politeRegistries(deps.registries, () => reader.isAsking) };
  const prepared = await preparePull(polite, name, { signal, ...(platform && { platform }) }).catch(untold);
  if (prepared === undefined) return answer({ refused: "" });
  const chains = chainIDs(prepared.config.rootfs.diff_ids);
  const here = chains.findLastIndex((chain) => deps.snapshotter.find(chain) !== undefined) + 1;
  const chainID = chains.at(-1);
  if (chainID === undefined || here === chains.length) return answer({ refused: "" });
  const directory = servedDirectory(deps.host, chainID);
  using held = await holdPlace(deps, chainID, directory);
  if (held === undefined) return answer({ directory });
  const server = new Server(deps, { reader, prepared, directory, options, name });
  const place = { chainID, below: chains[here - 1], missing: prepared.layers.slice(here) };
  const mount = await server.begin(place).catch((error: unknown) => {
    rmSync(directory, { recursive: true, force: true });
    answer({ refused: messageOf(error) });
  });
  if (mount !== undefined) await server.run(mount, chainID);
}

/** What a registry refuses an ordinary pull will tell, in Docker's words. */
function untold(error: unknown): undefined {
  if (!(error instanceof BerthError)) throw error;
}

/** The lock on the place of a chain; undefined where a process that has it serves the chain. */
async function holdPlace({ host }: PullDeps, chainID: ChainID, directory: string): Promise<Lock | undefined> {
  for (;;) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const held = tryLock(host.syscalls, directory, { create: false });
    if (held !== undefined) return held;
    if (isServing(host, chainID, directory)) return undefined;
    await sleep(20);
  }
}

/** Whether a process serves the chain, which then goes on for whoever is told of it now. */
function isServing(host: PullDeps["host"], chainID: ChainID, directory: string): boolean {
  const path = join(directory, usedFile);
  using held = tryLock(host.syscalls, path, { kind: "shared", create: false });
  if (held === undefined || servedLayers(host, chainID) === undefined) return false;
  utimesSync(path, new Date(), new Date());
  return true;
}

interface ServerParts {
  readonly reader: ChunkReader;
  readonly prepared: PreparedPull;
  readonly directory: string;
  readonly options: LazyServerOptions;
  readonly name: Reference;
}

/** Which layers are served, and what they lie on. */
interface Place {
  readonly chainID: ChainID;
  readonly below: ChainID | undefined;
  readonly missing: readonly Descriptor[];
}

class Server {
  readonly #deps: PullDeps;
  readonly #parts: ServerParts;
  #layers: readonly ServableLayer[] = [];
  #served: Promise<void> = Promise.resolve();

  constructor(deps: PullDeps, parts: ServerParts) {
    this.#deps = deps;
    this.#parts = parts;
  }

  /** Mount the layers, and say so. @throws what keeps it from being done */
  async begin({ chainID, below, missing }: Place): Promise<FuseMount> {
    const { prepared, directory, options, name, reader } = this.#parts;
    if (missing.length > limits.servedLayers) {
      throw new BerthError("failed-precondition", `${missing.length} layers are more than ${limits.servedLayers}`);
    }
    const repository = this.#deps.registries.repository(name);
    this.#layers = await layersToServe(this.#deps, { missing, below, repository }, options);
    const point = join(directory, "fs");
    mkdirSync(point, { recursive: true, mode: 0o700 });
    const mount = await mountFuse(point).catch((error: unknown) => {
      const why = codeOf(error) === "ENOENT" ? "this machine has no /dev/fuse" : messageOf(error);
      throw new BerthError("failed-precondition", why, { cause: error });
    });
    this.#served = mount.serve(treeHandler({ layers: this.#layers, reader, log: options.log }));
    try {
      writeState(directory, prepared.configBytes, {
        ...{ pid: process.pid, startTime: startTime(process.pid) ?? "", chainID, below },
        paths: this.#layers.map((layer) => join(point, layer.name)).toReversed(),
        imageID: prepared.id,
        name: prepared.name,
        reference: familiar(withDefaultTag(name)),
      });
    } catch (error) {
      await mount.detach();
      throw error;
    }
    options.answer({ directory });
    return mount;
  }

  /** Pull the rest, and serve until nobody needs it. */
  async run(mount: FuseMount, chainID: ChainID): Promise<void> {
    const { directory, options } = this.#parts;
    await this.#pullRest(chainID);
    {
      // Whoever has begun to mount it does so first.
      using _used = await lock(this.#deps.host.syscalls, join(directory, usedFile));
      rmSync(join(directory, servedFile), { force: true });
      await mount.detach();
    }
    await this.#served;
    rmSync(directory, { recursive: true, force: true });
    options.log("no longer used");
  }

  async #pullRest(chainID: ChainID): Promise<void> {
    const { options, reader, prepared } = this.#parts;
    const { log, signal } = options;
    await prefetched(this.#layers, reader).catch((error: unknown) => log(messageOf(error)));
    const begun = monotonic();
    const passed = (): number => monotonic() - begun;
    while (Math.min(reader.quietFor, passed()) < quiet.after && passed() < quiet.most) await sleep(50);
    for (const pause of [...pauses, undefined]) {
      try {
        await prepared.pull(stoppedBy(signal));
        await options.onWhole(chainID);
        return log("here as a whole");
      } catch (error) {
        // Containers have use for what is served, whatever keeps the rest from coming.
        log(`can't pull the rest: ${messageOf(error)}`);
        if (pause !== undefined && !(await this.#isUsedAfter(pause, chainID))) return;
      }
    }
  }

  /** Wait; false as soon as nobody uses what is served. */
  async #isUsedAfter(pause: number, chainID: ChainID): Promise<boolean> {
    for (let waited = 0; waited < pause; waited += lookEvery) {
      await sleep(lookEvery);
      if (this.#hideUnused(chainID)) return false;
    }
    return true;
  }

  /** Where nobody uses what is served, tell nobody of it any more. @returns whether that is so */
  #hideUnused(chainID: ChainID): boolean {
    const { directory, options } = this.#parts;
    const path = join(directory, usedFile);
    using held = tryLock(this.#deps.host.syscalls, path);
    if (held === undefined || options.isUsed(chainID) || Date.now() - statSync(path).mtimeMs < patience) return false;
    rmSync(join(directory, servedFile), { force: true });
    return true;
  }
}

/** All of it is there before the file that says so has its name. */
function writeState(directory: string, config: Buffer, state: ServedLayers): void {
  writeFileSync(join(directory, servedConfigFile), config);
  writeFileSync(join(directory, usedFile), "");
  const temporary = join(directory, `${servedFile}.new`);
  writeFileSync(temporary, JSON.stringify(state));
  renameSync(temporary, join(directory, servedFile));
}
