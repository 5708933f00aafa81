import { rmSync } from "node:fs";
import { join } from "node:path";
import { BerthError } from "../base/errors.ts";
import { isID } from "../base/ids.ts";
import type { Operation } from "../base/operation.ts";
import { isAlive } from "../host/process.ts";
import { type ExitStatus, readExit, waitExit } from "../runtime/exit.ts";
import { leaseNames } from "../snapshot/collect.ts";
import { heldNames } from "../snapshot/lease.ts";
import { storePaths } from "../snapshot/store-paths.ts";
import { cleanPath } from "../volume/mount-spec.ts";
import { attend, endAttendance, isAttended } from "./attendance.ts";
import { type Container, isActive } from "./container.ts";
import { bundlePath, type ContainerDeps, exitDirectory, lockContainer } from "./deps.ts";
import {
  deleteContainers,
  endedRuns,
  findContainer,
  isMounted,
  type RunRow,
  recordEnd,
  recordedContainer,
  runOf,
} from "./records.ts";
import { isSignal } from "./signals.ts";

const sigkill = 9;
/** Milliseconds between SIGKILL and the end of a process that the kernel still holds on to. */
const killPatience = 10_000;
/** Seconds that a container is left which nobody could ask to end. @see moby daemon/stop.go */
const unaskedTimeout = 2;
/** Milliseconds that a timer takes at most, 24 days: with more it goes off at once. */
const longestTimer = 2 ** 31 - 1;
/** Containers that are deleted at once: each lock is an open file. */
const groupSize = 100;

/**
 * Settle a container whose process has ended: record how, free its address, its cgroup and its bundle, and remove it
 * where it was run with `--rm`. Done already, or still running: nothing happens. Any process may do it.
 */
export async function settleEnd(deps: ContainerDeps, id: string): Promise<void> {
  if (endedRun(deps, id) === undefined) return;
  using _lock = await lockContainer(deps, id);
  // Another process may have settled it between the look and the lock.
  const run = endedRun(deps, id);
  if (run === undefined) return;
  const { code, oomKilled } = await waitExit(exitPlace(deps, id));
  const container = recordedContainer(deps, id);
  await Promise.all([
    deps.runtime.delete(id, { force: true }),
    deps.networks.release(id),
    container?.request.autoRemove === true ? erase(deps, container) : undefined,
  ]);
  rmSync(bundlePath(deps, id), { recursive: true, force: true });
  // With how it ended: who attended until now may have taken this look for somebody else's waiting.
  if (!isAttended(deps, id)) endAttendance(deps, id);
  const startedAt = run.started_at;
  // Last, so that whoever finds this interrupted does it again.
  await recordEnd(deps, id, { code, oomKilled, startedAt, finishedAt: new Date().toISOString() });
}

function endedRun(deps: ContainerDeps, id: string): RunRow | undefined {
  const run = runOf(deps, id);
  return run === undefined || isAlive(run.pid, run.start_time) ? undefined : run;
}

/** Settle every container whose process ended unseen, before anything is told of them. */
export async function settleAll(deps: ContainerDeps): Promise<void> {
  for (const id of endedRuns(deps)) await settleEnd(deps, id);
}

/**
 * Wait until a container isn't running.
 *
 * @returns its exit code; 0 for one that has never run, as Docker
 * @throws {BerthError} not-found, but for the ID of one that this process attends, though another process has removed it
 */
export async function waitForEnd(deps: ContainerDeps, nameOrID: string, operation: Operation = {}): Promise<number> {
  const found = recordedContainer(deps, nameOrID);
  if (found !== undefined && runOf(deps, found.id) !== undefined) {
    using _attendance = attend(deps, found.id);
    const status = await exitOf(deps, found.id, operation);
    await settleEnd(deps, found.id);
    return status.code;
  }
  const left = isID(nameOrID) ? readExit(exitPlace(deps, nameOrID)) : undefined;
  if (found === undefined && left !== undefined) return left.code;
  const { state } = findContainer(deps, nameOrID);
  return state.status === "exited" ? state.code : 0;
}

/**
 * Ask a container to end by its stop signal, and kill it when it hasn't after `timeout` seconds; -1 waits forever. One whose signal the
 * kernel hasn't is killed after Docker's two seconds.
 */
export async function stopContainer(
  deps: ContainerDeps,
  id: string,
  options: { readonly signal: number; readonly timeout: number },
): Promise<void> {
  if (runOf(deps, id) === undefined) return;
  const isAsked = isSignal(options.signal);
  if (isAsked) await signalContainer(deps, id, options.signal);
  const timeout = isAsked ? options.timeout : unaskedTimeout;
  if (timeout >= 0) {
    const limit = AbortSignal.timeout(Math.min(timeout * 1000, longestTimer));
    try {
      await exitOf(deps, id, { signal: limit });
    } catch (error) {
      if (!limit.aborted) throw error;
      await deps.runtime.kill(id, sigkill);
    }
  }
  await exitOf(deps, id, {});
  await settleEnd(deps, id);
}

/** Send a signal to a container's first process. A start under way goes first: killed before its end, it would have failed. */
export async function signalContainer(deps: ContainerDeps, id: string, signal: number): Promise<void> {
  using _lock = await lockContainer(deps, id);
  await deps.runtime.kill(id, signal);
}

/** Kill a container and wait for its end. @throws {BerthError} internal, in Docker's words, when the kernel holds on to it */
export async function killToEnd(deps: ContainerDeps, id: string): Promise<void> {
  if (runOf(deps, id) === undefined) return;
  await signalContainer(deps, id, sigkill);
  const limit = AbortSignal.timeout(killPatience);
  try {
    await exitOf(deps, id, { signal: limit });
  } catch (error) {
    if (!limit.aborted) throw error;
    throw new BerthError("internal", "tried to kill container, but did not receive an exit event", {
      cause: error,
      hint: "A process that waits for a device or a network file system ends once that answers.",
    });
  }
  await settleEnd(deps, id);
}

/**
 * Delete a container with its read-write layer, and its anonymous volumes when asked.
 *
 * @throws {BerthError} conflict, in Docker's words, when it runs and `force` isn't given
 */
export async function removeContainer(
  deps: ContainerDeps,
  id: string,
  options: { readonly force: boolean; readonly volumes: boolean },
): Promise<void> {
  const found = findContainer(deps, id);
  const { state, name } = found;
  if (isActive(found)) {
    if (!options.force) {
      const advice = state.status === "paused" ? "unpause and then stop" : "stop";
      throw new BerthError(
        "conflict",
        `cannot remove container "${name}": container is ${state.status}: ${advice} the container before removing or force remove`,
      );
    }
    await killToEnd(deps, id);
  }
  using _lock = await lockContainer(deps, id);
  const container = recordedContainer(deps, id);
  if (container !== undefined) await erase(deps, container, options.volumes);
}

/**
 * Delete those of these containers that don't run, nor are about to: their records in one transaction, as each waits for the disk. Their anonymous
 * volumes stay.
 *
 * @returns the IDs of those that are gone
 */
export async function removeStopped(deps: ContainerDeps, ids: readonly string[]): Promise<readonly string[]> {
  const removed: string[] = [];
  for (let at = 0; at < ids.length; at += groupSize) {
    removed.push(...(await removeGroup(deps, ids.slice(at, at + groupSize))));
  }
  return removed;
}

async function removeGroup(deps: ContainerDeps, ids: readonly string[]): Promise<readonly string[]> {
  using locks = new DisposableStack();
  for (const id of ids) {
    await settleEnd(deps, id);
    locks.use(await lockContainer(deps, id));
  }
  const held = heldNames(deps.host.syscalls, storePaths(deps.host).leases);
  const stopped = ids
    .flatMap((id) => recordedContainer(deps, id) ?? [])
    .filter((container) => !isActive(container) && !isYetToStart(container, held));
  await deleteContainers(
    deps,
    stopped.map(({ id }) => id),
  );
  await Promise.all(stopped.map((container) => eraseFiles(deps, container, false)));
  await collectLayers(deps, stopped);
  return stopped.map(({ id }) => id);
}

/** Whether the process that made a container has yet to start it. @param held what living processes hold */
function isYetToStart({ id, state }: Container, held: ReadonlySet<string>): boolean {
  return state.status === "created" && held.has(leaseNames.active(id));
}

async function erase(deps: ContainerDeps, container: Container, volumes = true): Promise<void> {
  await deleteContainers(deps, [container.id]);
  await eraseFiles(deps, container, volumes);
  await collectLayers(deps, [container]);
}

/** Delete the layers that containers alone had kept of images that were removed: one look at a key where there are none. */
async function collectLayers(deps: ContainerDeps, removed: readonly Container[]): Promise<void> {
  const images = new Set(removed.map(({ imageID }) => imageID));
  const isGone = deps.db.read((sql) => [...images].some((id) => !sql.get("SELECT 1 FROM image WHERE id = ?", id)));
  if (isGone) await deps.snapshotter.collect({ spareOwn: true });
}

async function eraseFiles(deps: ContainerDeps, container: Container, volumes: boolean): Promise<void> {
  const { id } = container;
  await deps.snapshotter.remove(id);
  rmSync(container.directory, { recursive: true, force: true });
  if (!isAttended(deps, id)) rmSync(join(exitDirectory(deps), id), { force: true });
  if (!volumes) return;
  for (const name of unnamedVolumes(container)) {
    if (!isMounted(deps, name)) await deps.volumes.remove(name, { force: true });
  }
}

/** The volumes that were made for a container: none that it was given by name, though it be the one of another. */
function unnamedVolumes({ request, config }: Container): readonly string[] {
  const named = new Set(request.volumes.filter((it) => it.source !== undefined).map((it) => cleanPath(it.target)));
  return config.mounts.flatMap(({ kind, name, target }) =>
    kind === "volume" && name !== undefined && !named.has(target) ? [name] : [],
  );
}

/** The exit status, also when another process settles the container and takes the bundle away while this one waits. */
async function exitOf(deps: ContainerDeps, id: string, operation: Operation): Promise<ExitStatus> {
  const status = await waitExit(exitPlace(deps, id), operation);
  const container = recordedContainer(deps, id);
  if (status.code === 255 && container?.state.status === "exited") return container.state;
  return readExit(exitPlace(deps, id)) ?? status;
}

function exitPlace(deps: ContainerDeps, id: string): Parameters<typeof readExit>[0] {
  return { id, exitDirectory: exitDirectory(deps), bundle: bundlePath(deps, id) };
}
