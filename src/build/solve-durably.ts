import { operationOf } from "../base/operation.ts";
import { latestTime } from "../image/creation-time.ts";
import type { Digest } from "../oci/digest.ts";
import type { BuildDeps, BuildOptions } from "./build.ts";
import { BuildRecords } from "./build-records.ts";
import { type BuildRecord, openBuildCache } from "./cache.ts";
import type { CacheImports } from "./cache-imports.ts";
import type { Graph } from "./graph.ts";
import type { BuildRecorder } from "./history/recorder.ts";
import { openFailedSteps } from "./keep-failed.ts";
import { openOps } from "./ops.ts";
import { type SharedSteps, SolveAgain, type Solved, type SolverDeps, solve } from "./solve.ts";

/** What solving takes beside the graph. */
export type SolvingOptions = Omit<BuildOptions, "context" | "contexts"> &
  Parameters<typeof openOps>[1] &
  Pick<BuildRecorder, "watcher"> & {
    readonly epoch: number | undefined;
    readonly buildID: string;
    readonly imports?: CacheImports;
    /** Nobody needs the target's file system. */
    readonly isCacheOnly?: boolean;
  };

/** What is to be solved. */
export interface AskedGraph {
  readonly graph: Graph;
  /** Whose file systems are asked for. */
  readonly outputs: readonly Digest[];
}

/** What a graph came to, and every record of it. */
export interface SolvedGraph {
  readonly solved: ReadonlyMap<Digest, Solved>;
  readonly records: readonly BuildRecord[];
}

/** Solve a graph; what it made is durable and in the cache when this returns, also when it throws. */
export async function solveDurably(deps: BuildDeps, asked: AskedGraph, options: SolvingOptions): Promise<SolvedGraph> {
  for (;;) {
    try {
      return await solveOnce(deps, asked, options);
    } catch (error) {
      // Each time, fewer records of imported caches are hits.
      if (!(error instanceof SolveAgain)) throw error;
    }
  }
}

async function solveOnce(
  deps: BuildDeps,
  { graph, outputs }: AskedGraph,
  options: SolvingOptions,
): Promise<SolvedGraph> {
  const own = openBuildCache(deps.db, (chainID) => deps.snapshotter.find(chainID) !== undefined);
  const { imports, isCacheOnly = false, buildID, conditions } = options;
  await using stack = new AsyncDisposableStack();
  const records = new BuildRecords({ ...deps, cache: own });
  // What is built under other conditions to be compared is nobody else's.
  if (conditions === undefined) stack.use(records);
  else stack.defer(() => deps.snapshotter.flush());
  const failed = stack.use(openFailedSteps(deps, buildID, options));
  const around = conditions === undefined ? { onFailed: failed.add } : { hostname: conditions.hostname };
  const ops = stack.use(openOps(deps, { ...options, ...around }));
  const elsewhere = imports === undefined ? {} : await findingSteps(deps, graph, { ...options, imports });
  const beside: Pick<SolverDeps, "claim"> =
    conditions === undefined ? { claim: (key, options) => records.claim(key, options) } : {};
  const solving = solve({ cache: imports?.behind(own) ?? own, plan: ops.plan, ...beside, ...elsewhere }, graph, {
    ...operationOf(options),
    ...(options.epoch === undefined ? {} : latestTime(options.epoch)),
    ...(conditions === undefined ? {} : { parallelism: conditions.parallelism }),
    noCache: options.noCache === true,
    ...sharedSteps(options),
    onRecord: (record, isNew) => records.add(record, isNew),
    watcher: options.watcher,
  });
  const solved = await solving.catch(async (error: unknown) => Promise.reject(await failed.keep(error)));
  if (!isCacheOnly)
    await imports?.bring(
      outputs.map((output) => solved.get(output)),
      operationOf(options),
    );
  return { solved, records: records.all };
}

/** What looks for steps that BuildKit built. */
async function findingSteps(
  ...given: Parameters<typeof import("./buildkit/find-step.ts").stepFinder>
): Promise<Pick<SolverDeps, "findStep">> {
  const { stepFinder } = await import("./buildkit/find-step.ts");
  return { findStep: stepFinder(...given) };
}

/** What an imported cache has isn't here yet, and a result of it may turn out to be none: only this build knows of that. */
function sharedSteps({ shared, imports }: SolvingOptions): { readonly shared?: SharedSteps } {
  if (shared === undefined) return {};
  return { shared: imports === undefined ? shared : { ...shared, flights: new Map() } };
}
