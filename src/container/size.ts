import type { ContainerDeps } from "./deps.ts";
import { findContainer } from "./records.ts";

/** How much a container's files take, bytes. */
export interface ContainerSize {
  /** Its own layer. */
  readonly rw: number;
  /** That and the layers of its image. */
  readonly rootFs: number;
}

/** Measure a container's files. @throws {BerthError} not-found */
export async function containerSize(deps: ContainerDeps, nameOrID: string): Promise<ContainerSize> {
  const { id, chainID } = findContainer(deps, nameOrID);
  const rw = await (await deps.snapshotter.open(id, chainID)).usage();
  let rootFs = rw;
  for (let chain = chainID; chain !== undefined; ) {
    const layer = deps.snapshotter.find(chain);
    rootFs += layer?.size ?? 0;
    chain = layer?.parent;
  }
  return { rw, rootFs };
}
