import { statSync } from "node:fs";
import { isKind } from "../base/errors.ts";
import { shortID } from "../base/ids.ts";
import type { CheckOptions, Problem } from "../base/problem.ts";
import type { Container } from "./container.ts";
import type { ContainerDeps } from "./deps.ts";
import { allContainers } from "./records.ts";

/** Check every container: its read-write layer, its directory, its image, its volumes. */
export async function* checkContainers(deps: ContainerDeps, options: CheckOptions): AsyncGenerator<Problem> {
  const containers = allContainers(deps);
  for (const container of containers) {
    options.signal?.throwIfAborted();
    for await (const problem of checkContainer(deps, container)) yield { containerID: container.id, ...problem };
  }
  options.looked("containers", containers.length);
}

async function* checkContainer(deps: ContainerDeps, container: Container): AsyncGenerator<Problem> {
  const { id, directory, imageID, chainID, config } = container;
  const name = `container ${shortID(id)}`;
  const advice = `Remove it (berth rm -f ${shortID(id)}), and create it again.`;
  if (!(await hasSnapshot(deps, container))) {
    yield { invariant: "C1", what: `${name}: its read-write layer is missing`, advice };
  }
  if (!isDirectory(directory))
    yield { invariant: "C2", what: `${name}: its directory ${directory} is missing`, advice };
  const image = deps.db.read((sql) => sql.get("SELECT 1 FROM image WHERE id = ?", imageID));
  // An image that was removed by force leaves its layers to the container.
  if (image === undefined && chainID === undefined) {
    yield { invariant: "C3", what: `${name}: its image ${imageID} is gone, and its layers with it`, advice };
  }
  for (const { kind, name: volume, source } of config.mounts) {
    if (kind !== "volume" || volume === undefined || isDirectory(source)) continue;
    const what = `${name}: its volume ${volume} is missing`;
    yield { invariant: "C4", what, advice: "Create a volume of that name, or remove the container." };
  }
}

/** Whether the read-write layer is there. */
async function hasSnapshot(deps: ContainerDeps, { id, chainID }: Container): Promise<boolean> {
  try {
    return isDirectory((await deps.snapshotter.open(id, chainID)).upper);
  } catch (error) {
    if (isKind(error, "not-found")) return false;
    throw error;
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
