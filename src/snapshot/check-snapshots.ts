import { relative } from "node:path";
import type { Garbage } from "../base/problem.ts";
import { type CollectDeps, collectGarbage, findUnneeded } from "./collect.ts";

/** Layers, directories and active snapshots that nothing needs and no living process holds. What deletes one looks again. */
export async function snapshotGarbage(deps: CollectDeps): Promise<readonly Garbage[]> {
  const { layers, paths } = await findUnneeded(deps);
  const remove = async (): Promise<void> => void (await collectGarbage(deps));
  return [
    ...layers.map(({ diffID }) => ({ what: `layer ${diffID}`, remove })),
    ...paths.map((path) => ({ what: relative(deps.host.root, path), remove })),
  ];
}
