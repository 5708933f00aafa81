import { layerWriters, treeTar } from "../archive/layer-tar.ts";
import type { BatchOptions } from "../archive/tar-parts.ts";
import type { Operation } from "../base/operation.ts";
import type { ContainerDeps } from "./deps.ts";
import { findContainer } from "./records.ts";
import { wholeContainer } from "./whole.ts";

/**
 * The file system of a container as a tar archive, mount points with it and without what is mounted there. It is read
 * as it is, while the container runs or not.
 *
 * @throws {BerthError} not-found
 */
export async function* exportContainer(
  deps: ContainerDeps,
  nameOrID: string,
  options: Operation & BatchOptions = {},
): AsyncGenerator<Uint8Array> {
  const { id, chainID } = await wholeContainer(deps, findContainer(deps, nameOrID).id, options);
  const tree = (await deps.snapshotter.open(id, chainID)).view();
  yield* treeTar(tree.walk(), { ...options, syscalls: deps.host.syscalls, writer: layerWriters.made });
}
