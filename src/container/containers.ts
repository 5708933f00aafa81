import { join } from "node:path";
import type { BatchOptions } from "../archive/tar-parts.ts";
import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Image } from "../image/images.ts";
import type { AttachIO, Attachment } from "../runtime/attach.ts";
import type { ExecProcess } from "../runtime/exec-process.ts";
import type { LogOutput } from "../runtime/log-output.ts";
import { type LogOptions, readLogs } from "../runtime/logs.ts";
import { resize, type WindowSize } from "../runtime/window-size.ts";
import type { Change } from "../snapshot/changes.ts";
import type { OverlayPaths } from "../snapshot/overlay-mount.ts";
import { attend, endAttendance } from "./attendance.ts";
import { type CommitOptions, commitContainer } from "./commit.ts";
import { type Container, isActive } from "./container.ts";
import { createContainer, type EarlyImage, warningsOf } from "./create.ts";
import { bundlePath, type ContainerDeps } from "./deps.ts";
import {
  killToEnd,
  removeContainer,
  removeStopped,
  settleAll,
  settleEnd,
  signalContainer,
  stopContainer,
  waitForEnd,
} from "./end.ts";
import { type ExecRequest, execInContainer } from "./exec.ts";
import { allContainers, findContainer, recordPaused } from "./records.ts";
import type { ContainerRequest } from "./request.ts";
import { killSignal, signalNumber } from "./signals.ts";
import { type ContainerSize, containerSize } from "./size.ts";
import { attachTo, type StartOptions, startContainer } from "./start.ts";
import { isServed, wholeContainer } from "./whole.ts";

/** What of a container's log is told, and whether it is followed. */
export interface ContainerLogOptions extends Omit<LogOptions, "follow"> {
  readonly follow?: boolean;
}

/** The containers of an engine. Everything takes a name, an ID or a unique ID prefix. */
export interface Containers {
  /** @throws {BerthError} not-found; conflict, when an ID prefix is ambiguous */
  get(nameOrID: string): Promise<Container>;
  /** Every container, newest first. */
  list(): Promise<readonly Container[]>;
  /** How much its files take; all of them are looked at. @throws {BerthError} not-found */
  size(nameOrID: string): Promise<ContainerSize>;
  /** Where its layers lie. @throws {BerthError} not-found */
  layerPaths(nameOrID: string): Promise<OverlayPaths>;
  /** Make a container; nothing runs yet. `early` is its image where that isn't here as a whole. @throws {BerthError} not-found, conflict, invalid-argument */
  create(request: ContainerRequest, early?: EarlyImage): Promise<Container>;
  /** What a container that is made as asked will have otherwise, a sentence each: a resource limit that can't be raised, an image for another platform. */
  warnings(request: ContainerRequest, early?: EarlyImage): readonly string[];
  /** Start a container that isn't running, attached before its first byte when asked. @throws {StartError} with an exit code */
  start(nameOrID: string, options?: StartOptions): Promise<Attachment | undefined>;
  /** Connect to the streams of a running container. @throws {BerthError} conflict */
  attach(nameOrID: string, io: AttachIO): Promise<Attachment>;
  /** Tell a container's terminal its size. */
  resize(nameOrID: string, size: WindowSize): Promise<void>;
  /**
   * Say that this process waits for a container and settles its end by {@link Containers.wait}, so that nobody else has to.
   * Dispose it when that is no longer so; until then {@link Containers.wait} tells by the ID how it ended, also where another process has
   * removed it.
   */
  attend(nameOrID: string): Promise<Disposable | undefined>;
  /** Wait until a container isn't running. @returns its exit code */
  wait(nameOrID: string, operation?: Operation): Promise<number>;
  /** Settle a container whose process has ended; nothing when that was done. */
  settle(id: string): Promise<void>;
  /** Stop it by its stop signal, then kill it after `timeout` seconds (10 when absent; -1 waits forever). */
  stop(nameOrID: string, options?: { readonly signal?: string; readonly timeout?: number }): Promise<void>;
  /** Send a signal by name or number. @throws {BerthError} conflict `container … is not running` */
  kill(nameOrID: string, signal?: string): Promise<void>;
  pause(nameOrID: string): Promise<void>;
  unpause(nameOrID: string): Promise<void>;
  remove(nameOrID: string, options?: { readonly force?: boolean; readonly volumes?: boolean }): Promise<void>;
  /** Remove those of these that aren't running, but not their anonymous volumes; takes IDs. @returns the IDs of those that are gone */
  removeStopped(ids: readonly string[]): Promise<readonly string[]>;
  /** Run one more process; without `io` it has no streams, and nothing is returned. @throws {StartError} */
  exec(nameOrID: string, request: ExecRequest, io?: AttachIO): Promise<ExecProcess | undefined>;
  /** What it has written; with `follow` until it ends. */
  logs(nameOrID: string, options?: ContainerLogOptions): AsyncIterable<LogOutput>;
  /** What its file system has changed since it was created. */
  diff(nameOrID: string): Promise<readonly Change[]>;
  /** Its file system as a tar archive. */
  export(nameOrID: string, options?: Operation & BatchOptions): AsyncIterable<Uint8Array>;
  /** Make an image of it. */
  commit(nameOrID: string, options: CommitOptions): Promise<Image>;
}

/** Open the containers of an engine. */
export function openContainers(deps: ContainerDeps): Containers {
  const get = async (nameOrID: string): Promise<Container> => {
    const found = findContainer(deps, nameOrID);
    // What ended unseen is settled before anything is told of it.
    await settleEnd(deps, found.id);
    return isActive(found) ? found : findContainer(deps, found.id);
  };
  const killable = async (nameOrID: string): Promise<Container> => {
    try {
      return requireAlive(await get(nameOrID));
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      const { kind, hint } = error;
      const details = { cause: error, ...(hint === undefined ? {} : { hint }) };
      throw new BerthError(kind, `cannot kill container: ${nameOrID}: ${error.message}`, details);
    }
  };
  const idOf = (nameOrID: string): string => findContainer(deps, nameOrID).id;
  return {
    get,
    list: async () => {
      await settleAll(deps);
      return allContainers(deps);
    },
    size: (nameOrID) => containerSize(deps, nameOrID),
    layerPaths: (nameOrID) => layerPaths(deps, nameOrID),
    create: (request, early) => createContainer(deps, request, early),
    warnings: (request, early) => warningsOf(deps, request, early),
    start: async (nameOrID, options) => startContainer(deps, (await get(nameOrID)).id, options),
    attach: async (nameOrID, io) => attachTo(deps, requireRunning(await get(nameOrID)).id, io),
    resize: (nameOrID, size) => resize(deps.host.syscalls, bundlePath(deps, idOf(nameOrID)), size),
    attend: async (nameOrID) => attend(deps, idOf(nameOrID)),
    wait: (nameOrID, operation) => waitForEnd(deps, nameOrID, operation),
    settle: async (id) => {
      await settleEnd(deps, id);
      endAttendance(deps, id);
    },
    stop: async (nameOrID, options = {}) => {
      const { id, request, config } = await get(nameOrID);
      const signal = signalNumber(options.signal ?? config.StopSignal ?? "SIGTERM");
      await stopContainer(deps, id, { signal, timeout: options.timeout ?? request.stopTimeout ?? defaultStopTimeout });
    },
    kill: async (nameOrID, signal = "SIGKILL") => {
      const number = killSignal(signal, nameOrID);
      const { id } = await killable(nameOrID);
      await (number === sigkill ? killToEnd(deps, id) : signalContainer(deps, id, number));
    },
    pause: async (nameOrID) => {
      const { id } = requireRunning(await get(nameOrID));
      await deps.runtime.pause(id);
      await recordPaused(deps, id, true);
    },
    unpause: async (nameOrID) => {
      const { id } = await get(nameOrID);
      await deps.runtime.resume(id);
      await recordPaused(deps, id, false);
    },
    remove: async (nameOrID, { force = false, volumes = false } = {}) =>
      removeContainer(deps, (await get(nameOrID)).id, { force, volumes }),
    removeStopped: (ids) => removeStopped(deps, ids),
    exec: async (nameOrID, request, io) => execInContainer(deps, (await get(nameOrID)).id, { request, io }),
    logs: (nameOrID, { follow = false, ...options } = {}) => {
      const { id, directory } = findContainer(deps, nameOrID);
      const running = (): boolean => follow && isActive(findContainer(deps, id));
      return readLogs(join(directory, "container.log"), { ...options, follow: running });
    },
    diff: async (nameOrID) => {
      const { id, chainID } = await wholeContainer(deps, idOf(nameOrID));
      return (await deps.snapshotter.open(id, chainID)).changes();
    },
    export: async function* (nameOrID, operation) {
      const { exportContainer } = await import("./export.ts");
      yield* exportContainer(deps, idOf(nameOrID), operation);
    },
    commit: async (nameOrID, options) => commitContainer(deps, (await get(nameOrID)).id, options),
  };
}

/** Where the layers of a container lie: of an image that is coming in and that nobody serves, those that are here. */
async function layerPaths(deps: ContainerDeps, nameOrID: string): Promise<OverlayPaths> {
  const container = findContainer(deps, nameOrID);
  const { id, chainID, coming } = container;
  const here = coming === undefined || isServed(deps, container) ? chainID : coming.below;
  return (await deps.snapshotter.open(id, here)).directories();
}

const defaultStopTimeout = 10;
const sigkill = 9;

function requireRunning(container: Container): Container {
  if (container.state.status === "running") return container;
  throw new BerthError("conflict", `container ${container.id} is not running`);
}

function requireAlive(container: Container): Container {
  return isActive(container) ? container : requireRunning(container);
}
