import { BerthError } from "../base/errors.ts";
import { stoppedBy } from "../base/operation.ts";
import { latestTime } from "../image/creation-time.ts";
import type { PreparedPull } from "../image/pull.ts";
import { type ChainID, type Digest, digestOf } from "../oci/digest.ts";
import type { BuildDeps, BuildOptions } from "./build.ts";
import { located } from "./build-error.ts";
import { type BuildCache, type BuildRecord, openBuildCache } from "./cache.ts";
import type { Graph, Vertex } from "./graph.ts";
import { alignSteps, isWork } from "./history/align.ts";
import { subjectOf } from "./history/build-subject.ts";
import { buildsLike } from "./history/history.ts";
import type { PastBuild, PastStep } from "./history/past-build.ts";
import { type Ops, openOps } from "./ops.ts";
import { type Solved, timedKey, type Work } from "./solve.ts";
import type { SolvingOptions } from "./solve-durably.ts";
import { solveTarget } from "./solve-target.ts";

/** What to plan: a build. */
export type PlanOptions = Omit<BuildOptions, "files" | "records" | "onRecorded">;

/**
 * A step as it would go. `may-run`: it reads from a step that runs, and is cached where that comes to the same files as before; or it
 * fetches something, which is asked for only when it runs.
 */
export interface PlannedStep {
  readonly vertex: Digest;
  readonly name: string;
  readonly span?: Vertex["span"];
  readonly will: "cached" | "run" | "may-run";
  /** Why it can't be cached, where that isn't for want of a result: no look-up, or a step that runs before it. */
  readonly because?: "no-cache" | "earlier-step" | "elsewhere";
  /** Milliseconds that it took in earlier builds, the median; absent where none is recorded. */
  readonly estimate?: number;
  /** How many runs that comes from. */
  readonly runs?: number;
}

/** An image that would be fetched. */
export interface PlannedImage {
  readonly name: string;
  readonly bytes: number;
  readonly layers: number;
}

/** What a build would do. */
export interface BuildPlan {
  /** Those that make layers, inputs first. */
  readonly steps: readonly PlannedStep[];
  readonly fetched: readonly PlannedImage[];
  /** Milliseconds, steps that can run side by side taken so; what nothing is known of counts as none. */
  readonly estimate: number;
  /** Steps that will run and of which no earlier run is known. */
  readonly unknown: number;
}

/** Earlier builds that are asked how long steps took. */
const mostAsked = 10;

/**
 * Say what a build would do, and do nothing: no step runs, nothing is fetched but configs of base images that aren't here, and nothing is
 * written down.
 *
 * @throws {BerthError} invalid-argument, where caches are imported; {BuildError} as `build`
 */
export async function planBuild(deps: BuildDeps, options: PlanOptions): Promise<BuildPlan> {
  if ((options.cacheFrom ?? []).length > 0)
    throw new BerthError("invalid-argument", "a plan doesn't look into caches from elsewhere", {
      hint: "Leave --cache-from out: the plan goes by what this store has.",
    });
  let plan: BuildPlan | undefined;
  const { annotations: _noted, cacheTo: _to, ...asked } = options;
  const only: BuildOptions = { ...asked, files: [], inlineCache: false, records: false };
  await solveTarget(
    deps,
    only,
    async () => undefined,
    async (_deps, { graph }, solving) => {
      plan = await planSolve(deps, graph, { build: options, solving });
      return { solved: new Map(), records: [] };
    },
  );
  if (plan === undefined) throw new Error("the target was not planned");
  return plan;
}

/** Look for results as the solver does, and leave it at that. */
async function planSolve(
  deps: BuildDeps,
  graph: Graph,
  { build, solving }: { readonly build: PlanOptions; readonly solving: SolvingOptions },
): Promise<BuildPlan> {
  await using ops = openOps({ ...deps, forgetful: true }, solving);
  const isHere = (chainID: ChainID): boolean => deps.snapshotter.find(chainID) !== undefined;
  const planner = new Planner({ cache: openBuildCache(deps.db, isHere), ops, isHere }, solving);
  const steps: PlannedStep[] = [];
  const earlier = buildsLike(deps.db, { subject: subjectOf(build), tags: build.tags ?? [] }, mostAsked);
  const times = timesOf([...graph.values()], earlier);
  for (const vertex of graph.values()) {
    build.signal?.throwIfAborted();
    const planned = await planner.plan(vertex);
    if (planned !== undefined) steps.push({ ...planned, ...(planned.will === "cached" ? {} : times(vertex)) });
  }
  return {
    steps,
    fetched: await fetchedImages(graph, solving.pulls, build),
    estimate: longestWay(graph, steps),
    unknown: steps.filter(({ will, estimate }) => will !== "cached" && estimate === undefined).length,
  };
}

interface PlannerDeps {
  readonly cache: BuildCache;
  readonly ops: Pick<Ops, "plan">;
  readonly isHere: (chainID: ChainID) => boolean;
}

class Planner {
  readonly #deps: PlannerDeps;
  readonly #noCache: boolean;
  readonly #latest: bigint | undefined;
  /** What vertices come to; those that run are missing. */
  readonly #solved = new Map<Digest, Solved>();

  constructor(deps: PlannerDeps, { epoch, noCache = false }: SolvingOptions) {
    this.#deps = deps;
    this.#noCache = noCache;
    this.#latest = epoch === undefined ? undefined : latestTime(epoch).latest;
  }

  /** @returns nothing for what only names something */
  async plan(vertex: Vertex): Promise<PlannedStep | undefined> {
    const { digest, op, name, span, inputs } = vertex;
    const known = inputs.flatMap((input) => this.#solved.get(input) ?? []);
    const place = span === undefined ? {} : { span };
    if (!isWork({ op: op.kind })) {
      this.#solved.set(digest, sourceOf(vertex));
      return undefined;
    }
    const about = { vertex: digest, name, ...place };
    if (op.kind === "http" || op.kind === "git") return { ...about, will: "may-run", because: "elsewhere" };
    if (known.length < inputs.length) return { ...about, will: this.#will(vertex), because: "earlier-step" };
    if (this.#noCache || vertex.noCache === true) return { ...about, will: "run", because: "no-cache" };
    const work = await this.#deps.ops.plan(vertex, known);
    const hit = await this.#find(work, known).catch((error: unknown) => {
      throw located(error, { step: name, ...place });
    });
    if (hit === undefined) return { ...about, will: "run" };
    this.#solved.set(digest, { chainID: hit.chainID, created: hit.created });
    return { ...about, will: "cached" };
  }

  /** What stands on a step that runs has another parent; what only copies from one may find the same files. */
  #will({ inputs: [parent] }: Vertex): "run" | "may-run" {
    return parent !== undefined && this.#solved.has(parent) ? "may-run" : "run";
  }

  async #find({ keys }: Work, inputs: readonly Solved[]): Promise<BuildRecord | undefined> {
    const { isHere, cache } = this.#deps;
    for (const [index, makeKey] of keys.entries()) {
      // Of what is still to be fetched no file can be looked at: the first key needs none.
      if (index > 0 && !inputs.every(({ chainID }) => chainID === undefined || isHere(chainID))) return undefined;
      const hit = cache.find(timedKey(await makeKey(), this.#latest));
      if (hit !== undefined) return hit;
    }
    return undefined;
  }
}

function sourceOf({ op }: Vertex): Solved {
  if (op.kind === "context") return { chainID: undefined, context: op.name ?? "" };
  return { chainID: op.kind === "image" ? op.chainID : undefined };
}

async function fetchedImages(
  graph: Graph,
  pulls: readonly PreparedPull[],
  { signal }: Pick<PlanOptions, "signal">,
): Promise<readonly PlannedImage[]> {
  const used = new Set([...graph.values()].flatMap(({ op }) => (op.kind === "image" ? [op.imageID] : [])));
  const images = new Map(pulls.filter(({ id }) => used.has(id)).map((pull) => [pull.name, pull]));
  const fetched: PlannedImage[] = [];
  for (const { name, plan } of images.values()) {
    const { layers, bytes } = await plan(stoppedBy(signal));
    if (bytes > 0) fetched.push({ name, bytes, layers: layers.filter(({ isHere }) => !isHere).length });
  }
  return fetched;
}

type Times = (vertex: Vertex) => Pick<PlannedStep, "estimate" | "runs">;

/** How long steps took: those with the same definition, or else those that stood in their place. */
function timesOf(vertices: readonly Vertex[], earlier: readonly PastBuild[]): Times {
  const now = vertices.map(({ digest, op, name, span }) => ({
    ...{ vertex: digest, op: op.kind, name },
    ...(span === undefined ? {} : { span }),
  }));
  const aligned = earlier.map(({ recorded }) => alignSteps(now, recorded));
  const ran = earlier.flatMap(({ recorded }) => recorded.filter(hasTime));
  const equal = Map.groupBy(ran, ({ inputs }) => inputs?.definition);
  return ({ digest, op }) => {
    const same = equal.get(digestOf(JSON.stringify(op)));
    const found = same ?? aligned.flatMap((pairs) => pairs.get(digest) ?? []).filter(hasTime);
    const durations = found.map(({ duration = 0 }) => duration).toSorted((a, b) => a - b);
    const estimate = durations[durations.length >> 1];
    return estimate === undefined ? {} : { estimate, runs: durations.length };
  };
}

function hasTime({ outcome, duration }: PastStep): boolean {
  return outcome === "ran" && duration !== undefined;
}

/** The time of the slowest way through a graph. */
function longestWay(graph: Graph, steps: readonly PlannedStep[]): number {
  const times = new Map(steps.map(({ vertex, estimate = 0 }) => [vertex, estimate]));
  const ends = new Map<Digest, number>();
  for (const { digest, inputs } of graph.values()) {
    const start = Math.max(0, ...inputs.map((input) => ends.get(input) ?? 0));
    ends.set(digest, start + (times.get(digest) ?? 0));
  }
  return Math.max(0, ...ends.values());
}
