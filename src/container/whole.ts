import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Operation } from "../base/operation.ts";
import { tryLock } from "../host/lock.ts";
import { servedDirectory, servedLayers, usedFile } from "../snapshot/served-layers.ts";
import type { ComingImage, Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { findContainer, recordWhole } from "./records.ts";

/**
 * A container whose image is here as a whole: one that was made before is pulled to its end first. A server that pulls it already is
 * waited for.
 *
 * @throws {BerthError} as `pullImage`
 */
export async function wholeContainer(deps: ContainerDeps, id: string, operation: Operation = {}): Promise<Container> {
  const container = findContainer(deps, id);
  const { coming } = container;
  if (coming === undefined) return container;
  if (deps.snapshotter.find(coming.chainID) === undefined) await deps.pullWhole(coming, operation);
  await recordWhole(deps, coming.chainID);
  return findContainer(deps, id);
}

/** The same, unless a process serves what isn't here. */
export async function startableContainer(deps: ContainerDeps, id: string): Promise<Container> {
  const container = findContainer(deps, id);
  const { coming } = container;
  if (coming === undefined) return container;
  const isHere = deps.snapshotter.find(coming.chainID) !== undefined;
  return !isHere && isServed(deps, container) ? container : await wholeContainer(deps, id);
}

/** Whether the layers of a container are here, or a process serves those that aren't. */
export function isServed(
  { host, snapshotter }: Pick<ContainerDeps, "host" | "snapshotter">,
  { coming }: Container,
): boolean {
  if (coming === undefined || snapshotter.find(coming.chainID) !== undefined) return true;
  return servedLayers(host, coming.chainID) !== undefined;
}

/**
 * Keep the process that serves layers which are coming in from ending while they are read or mounted; undefined where they are
 * here.
 */
export async function useServed(
  { host, snapshotter }: ContainerDeps,
  coming: ComingImage | undefined,
): Promise<({ readonly pid: number } & Disposable) | undefined> {
  if (coming === undefined || snapshotter.find(coming.chainID) !== undefined) return undefined;
  for (;;) {
    const served = servedLayers(host, coming.chainID);
    if (served === undefined) return undefined;
    const place = join(servedDirectory(host, coming.chainID), usedFile);
    const held = tryLock(host.syscalls, place, { kind: "shared", create: false });
    // It may have begun to end before the lock was had.
    const isThere = held !== undefined && servedLayers(host, coming.chainID) !== undefined;
    if (isThere) return { pid: served.pid, [Symbol.dispose]: () => held[Symbol.dispose]() };
    held?.[Symbol.dispose]();
    await sleep(5);
  }
}
