import type { Operation } from "../base/operation.ts";
import type { Garbage } from "../base/problem.ts";
import { stepGarbage } from "../build/prune.ts";
import { keptGarbage } from "../build/prune-kept.ts";
import { containerGarbage, halfStarted } from "../container/container-garbage.ts";
import type { ContainerDeps } from "../container/deps.ts";
import { imageGarbage } from "../image/image-garbage.ts";
import { lazyGarbage } from "../lazy/lazy-garbage.ts";
import { execGarbage } from "../runtime/exec-garbage.ts";

/** Garbage and the number of the invariant in `docs/store.md` that it breaks. */
export interface OwnedBy {
  readonly invariant: string;
  readonly garbage: Garbage;
}

/** Everything that nothing owns and no living process holds, in the order in which it is to be deleted. */
export async function findGarbage(deps: ContainerDeps): Promise<readonly OwnedBy[]> {
  const of = (invariant: string, found: readonly Garbage[]): readonly OwnedBy[] =>
    found.map((garbage) => ({ invariant, garbage }));
  const snapshots = await deps.snapshotter.garbage();
  return [
    ...of("X1", stepGarbage(deps)),
    ...of("F1", keptGarbage(deps)),
    ...of("X1", execGarbage(deps.host)),
    ...of("X1", lazyGarbage(deps.host)),
    ...of("C5", await containerGarbage(deps)),
    ...of("C5", halfStarted(deps)),
    ...snapshots.map((garbage) => ({ invariant: garbage.what.startsWith("tmp/") ? "T1" : "L6", garbage })),
    ...of("B2", await imageGarbage(deps)),
    ...of("V2", deps.volumes.garbage()),
  ];
}

/** Delete all of {@link findGarbage}: what commands that were killed have left. */
export async function collectGarbage(deps: ContainerDeps, { signal }: Operation = {}): Promise<void> {
  for (const { garbage } of await findGarbage(deps)) {
    signal?.throwIfAborted();
    await garbage.remove();
  }
}
