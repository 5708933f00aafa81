import { type Operation, stoppedBy } from "../../base/operation.ts";
import type { CacheImports } from "../cache-imports.ts";
import type { Graph } from "../graph.ts";
import type { OpDeps } from "../op-deps.ts";
import { type OpOptions, sourceIn } from "../ops.ts";
import type { Solved, SolverDeps } from "../solve.ts";
import type { ContentSource } from "./content-digest.ts";
import { openStepKeys, type StepKeys } from "./step-keys.ts";

type FindStep = NonNullable<SolverDeps["findStep"]>;

/** Looks steps of a graph up in caches that BuildKit wrote. What has to be read for that, and isn't here, is fetched. */
export function stepFinder(
  deps: OpDeps,
  graph: Graph,
  {
    imports,
    ...options
  }: Operation &
    Pick<OpOptions, "context" | "contexts" | "commits"> & {
      readonly imports: Pick<CacheImports, "bring" | "findStep">;
    },
): FindStep {
  const read = async (solved: Solved): Promise<ContentSource | undefined> => {
    if (solved.isUnknown === true) return undefined;
    await imports.bring([solved], {});
    const { tree, owner } = sourceIn(deps, options, solved);
    const { signal } = options;
    return { syscalls: deps.host.syscalls, tree, ...(owner && { owner }), ...stoppedBy(signal) };
  };
  let keys: StepKeys | undefined;
  return async ({ digest }, [parent], solved) => {
    keys ??= openStepKeys(graph, async (vertex) => read(await solved(vertex)), options.commits);
    const step = keys.keyOf(digest);
    return step && (await imports.findStep(step, parent));
  };
}
