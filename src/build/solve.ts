import { availableParallelism } from "node:os";
import { monotonic } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { type ChainID, type Digest, digestOf } from "../oci/digest.ts";
import { located } from "./build-error.ts";
import type { BuildCache, BuildRecord } from "./cache.ts";
import type { Graph, Vertex } from "./graph.ts";
import type { FileLister } from "./history/file-list.ts";

/** What a vertex came to. */
export interface Solved {
  /** The file system; undefined is the empty one. */
  readonly chainID: ChainID | undefined;
  /** For a build context, which isn't in the store: its name, empty for the one that has none. */
  readonly context?: string;
  /** When the step ran, RFC 3339; absent for sources. */
  readonly created?: string;
  /** Of a source: names that it looks itself up by the next time. */
  readonly keys?: readonly string[];
  /** The chain is a name made up for this build: a cache has the step, and not what it made. */
  readonly isUnknown?: boolean;
}

/** A vertex with its inputs known. */
export interface Work {
  /**
   * Names of the result by what it is made of, the cheapest first. A record under any of them is a hit;
   * a result is recorded under all of them. A source has none.
   */
  readonly keys: readonly (() => Promise<string>)[];
  /** The content of build contexts that the keys cover, as far as it was looked at to make them. */
  readonly content?: () => readonly KeyedContent[];
  run(op: StepOperation): Promise<Solved>;
}

/** Thrown where a hit turned out to be none: it won't be one the next time. Nothing is told of it. */
export class SolveAgain extends Error {
  override readonly name: string = "SolveAgain";
}

/** Files of a build context, as a key covers them. */
export interface KeyedContent {
  readonly key: string;
  /** Where a `RUN` sees them; empty for what is copied. */
  readonly mount: string;
  readonly files?: FileLister;
}

/** Told what is found out about vertices before they run. */
export interface SolveWatcher {
  /** The inputs are there. */
  ready(vertex: Vertex): void;
  /** What names the result, as far as a key was needed. It isn't told of what can't be named because of an error. */
  keyed(found: {
    readonly vertex: Vertex;
    readonly inputs: readonly Solved[];
    readonly key: string | undefined;
    readonly content: readonly KeyedContent[];
    /** No result is looked up. */
    readonly noCache: boolean;
    /** There is a result. */
    readonly isCached: boolean;
    readonly latest: bigint | undefined;
  }): void;
}

/** What a step runs under. */
export interface StepOperation extends Operation {
  readonly signal: AbortSignal;
  /** As in {@link SolveOptions}. */
  readonly latest?: bigint;
  /** What the step's result is recorded under. None when absent. */
  readonly keys?: readonly string[];
  /** There is a result of an equal step, which isn't to be used: the same may well come out. */
  readonly again?: boolean;
}

/** What the solver needs beside the graph. */
export interface SolverDeps {
  readonly cache: BuildCache;
  plan(vertex: Vertex, inputs: readonly Solved[]): Work | Promise<Work>;
  /**
   * Wait until no other build runs the step that is recorded under `key`, and keep others from it. Nobody is waited for when absent.
   *
   * @param options `waits` is called where one runs it. One that began it before `since` isn't waited for
   * @returns undefined then
   */
  readonly claim?: (key: string, options: ClaimOptions) => Promise<StepClaim | undefined>;
  /**
   * What others than berth have left of a step, for which there is no record.
   *
   * @param solved what the vertices that were solved before came to
   */
  findStep?(
    vertex: Vertex,
    inputs: readonly Solved[],
    solved: (vertex: Digest) => Promise<Solved>,
  ): Promise<FoundStep | undefined>;
}

/** How a step is claimed; see {@link SolverDeps}. */
export interface ClaimOptions {
  readonly signal: AbortSignal;
  readonly waits: () => void;
  readonly since?: Date;
}

/** A step that no other build runs until this is disposed. */
export interface StepClaim extends Disposable {
  /** Keep them from it until it is recorded. */
  keep(): void;
}

/** A step of an imported cache. */
export type FoundStep = Solved & { readonly chainID: ChainID; readonly created: string };

/** How to solve. */
export interface SolveOptions extends Operation {
  /** Look no result up; results are recorded all the same. */
  readonly noCache?: boolean;
  /** Most steps that run at once; twice the processors when absent. */
  readonly parallelism?: number;
  /** The latest time that a file of a layer may have, nanoseconds since the epoch: it is part of every key. Any when absent. */
  readonly latest?: bigint;
  /** Told of every record that is new or was used. */
  readonly onRecord?: (record: BuildRecord, isNew: boolean) => void;
  readonly watcher?: SolveWatcher;
  /** What other graphs that are solved now do, too: what is equal is done once. */
  readonly shared?: SharedSteps;
}

/** Work of several graphs that are solved side by side. */
export interface SharedSteps {
  /** Work under way or done, by its key. */
  readonly flights: Map<string, Promise<Solved>>;
  readonly slots: Slots;
}

/** What the graphs of several builds share. @param parallelism as in {@link SolveOptions}, for all of them together */
export function shareSteps(parallelism: number = 2 * availableParallelism()): SharedSteps {
  return { flights: new Map(), slots: new Slots(parallelism) };
}

/**
 * Solve every vertex of a graph: inputs first, independent ones side by side, each once, equal keys once.
 *
 * The first failure stops the others, and is thrown when all have ended.
 */
export async function solve(
  deps: SolverDeps,
  graph: Graph,
  options: SolveOptions = {},
): Promise<ReadonlyMap<Digest, Solved>> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const solver = new Solver(deps, graph, { ...options, signal });
  const running = [...graph.keys()].map((digest) =>
    solver.solve(digest).catch((error: unknown) => {
      stop.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(running);
  signal.throwIfAborted();
  const solved = await Promise.all(running);
  return new Map([...graph.keys()].map((digest, index) => [digest, solved[index] ?? { chainID: undefined }]));
}

/** A result that is there, and the step's name. */
type Hit = FoundStep & Pick<BuildRecord, "name" | "started">;

/** What is looked up. */
interface Lookup {
  readonly vertex: Vertex;
  readonly inputs: readonly Solved[];
  readonly work: Work;
  readonly noCache: boolean;
}

class Solver {
  readonly #deps: SolverDeps;
  readonly #graph: Graph;
  readonly #options: SolveOptions & { readonly signal: AbortSignal };
  readonly #vertices = new Map<Digest, Promise<Solved>>();
  /** Work under way by its key: two vertices may turn out to be the same work once their inputs are known. */
  readonly #flights: Map<string, Promise<Solved>>;
  readonly #slots: Slots;
  readonly #began: Date = new Date();

  constructor(deps: SolverDeps, graph: Graph, options: SolveOptions & { readonly signal: AbortSignal }) {
    this.#deps = deps;
    this.#graph = graph;
    this.#options = options;
    ({ flights: this.#flights, slots: this.#slots } = options.shared ?? shareSteps(options.parallelism));
  }

  solve(digest: Digest): Promise<Solved> {
    const known = this.#vertices.get(digest);
    if (known !== undefined) return known;
    const vertex = this.#graph.get(digest);
    if (vertex === undefined) throw new Error(`no vertex ${digest} in the graph`);
    const solved = this.#solveVertex(vertex);
    this.#vertices.set(digest, solved);
    return solved;
  }

  async #solveVertex(vertex: Vertex): Promise<Solved> {
    const inputs = await Promise.all(vertex.inputs.map((input) => this.solve(input)));
    this.#options.watcher?.ready(vertex);
    const named = vertex.inputs.filter((input) => this.#graph.get(input)?.name !== "");
    const step = new Step({ ...vertex, inputs: named }, this.#options);
    return step.track(async () => {
      const work = await this.#deps.plan(vertex, inputs);
      const keys: string[] = [];
      const noCache = this.#options.noCache === true || vertex.noCache === true;
      const hit = await this.#find({ vertex, inputs, work, noCache }, keys);
      this.#options.watcher?.keyed({
        ...{ vertex, inputs, key: keys.at(-1), noCache, isCached: hit !== undefined, latest: this.#options.latest },
        content: work.content?.() ?? [],
      });
      if (hit !== undefined) return this.#hit(step, { hit, inputs }, keys);
      const flightKey = keys.at(-1) ?? vertex.digest;
      const flight = this.#flights.get(flightKey);
      if (flight !== undefined) return step.cached(await flight);
      const started = this.#runOnce({ step, inputs, work, noCache }, keys);
      this.#flights.set(flightKey, started);
      return started;
    });
  }

  /** Look a result up by one name after the other. @param keys gets those that were needed, all of them where there is none */
  async #find({ vertex, inputs, work, noCache }: Lookup, keys: string[]): Promise<Hit | undefined> {
    const { latest } = this.#options;
    for (const [place, makeKey] of work.keys.entries()) {
      const key = timedKey(await makeKey(), latest);
      keys.push(key);
      if (noCache) continue;
      const hit = this.#deps.cache.find(key);
      if (hit !== undefined) return hit;
      // What another builder made has whatever times it had. It may name what is read, so that no other key is made of that.
      if (place > 0 || latest !== undefined) continue;
      const found = await this.#deps.findStep?.(vertex, inputs, (digest) => this.solve(digest));
      if (found !== undefined) return { ...found, name: vertex.name };
    }
    return undefined;
  }

  #hit(
    step: Step,
    { hit, inputs }: { readonly hit: Hit; readonly inputs: readonly Solved[] },
    keys: readonly string[],
  ): Solved {
    const { chainID, created, name, started, isUnknown = false } = hit;
    // A name that this build alone has is no part of another one.
    const isRecorded = [hit, ...inputs].every((each) => each.isUnknown !== true);
    const record = { chainID, created, name, ...(started !== undefined && { started }) };
    if (isRecorded) for (const key of keys) this.#options.onRecord?.({ key, ...record }, false);
    return step.cached({ chainID, created, ...(isUnknown ? { isUnknown } : {}) });
  }

  /** Run a step that another build may be running. What was made since this build began is a hit also where none is wanted. */
  async #runOnce(
    { step, inputs, work, noCache }: Omit<Lookup, "vertex"> & { readonly step: Step },
    keys: readonly string[],
  ): Promise<Solved> {
    const { cache, claim: claimStep } = this.#deps;
    const since = noCache ? this.#began : undefined;
    const [key] = keys.slice(-1);
    if (key === undefined || claimStep === undefined) return this.#run(step, work, { keys, noCache });
    const { signal } = this.#options;
    using claim = await claimStep(key, { signal, waits: () => step.started(), ...(since && { since }) });
    const found = cache.find(key);
    if (found !== undefined && isSince(found, since)) return this.#hit(step, { hit: found, inputs }, keys);
    const solved = await this.#run(step, work, { keys, noCache });
    if (solved.created !== undefined) claim?.keep();
    return solved;
  }

  async #run(
    step: Step,
    work: Work,
    { keys, noCache }: { readonly keys: readonly string[]; readonly noCache: boolean },
  ): Promise<Solved> {
    using _slot = await this.#slots.take();
    this.#options.signal.throwIfAborted();
    step.started();
    const started = new Date().toISOString();
    const { signal, report, latest } = this.#options;
    const solved = await work.run({
      signal,
      keys,
      again: noCache && keys.some((key) => this.#deps.cache.find(key) !== undefined),
      ...(report === undefined ? {} : { report }),
      ...(latest === undefined ? {} : { latest }),
    });
    step.done();
    const { chainID } = solved;
    const names = [...keys, ...(solved.keys ?? [])];
    if (chainID === undefined || names.length === 0) return solved;
    const created = new Date().toISOString();
    const { name } = step.vertex;
    for (const key of names) this.#options.onRecord?.({ key, chainID, created, name, started }, true);
    return { ...solved, created };
  }
}

/** Whether a step started after `since`, which no record from a time to come has. Any will do when that is absent. */
function isSince({ started }: BuildRecord, since: Date | undefined): boolean {
  if (since === undefined) return true;
  return started !== undefined && started > since.toISOString() && started <= new Date().toISOString();
}

/** What was made under another limit of times is something else. */
export function timedKey(key: string, latest: bigint | undefined): string {
  return latest === undefined ? key : digestOf(`${key} ${latest}`);
}

/** What is told of one vertex, and of those of its inputs that something is told of, too. */
class Step {
  readonly vertex: Vertex;
  readonly #options: SolveOptions;
  #startedAt: number | undefined;

  constructor(vertex: Vertex, options: SolveOptions) {
    this.vertex = vertex;
    this.#options = options;
  }

  async track(body: () => Promise<Solved>): Promise<Solved> {
    try {
      this.#options.signal?.throwIfAborted();
      return await body();
    } catch (error) {
      if (error instanceof SolveAgain) throw error;
      const canceled = this.#options.signal?.aborted === true;
      if (this.#startedAt !== undefined || !canceled) this.#report(canceled ? "canceled" : "failed", messageOf(error));
      const { name, span } = this.vertex;
      throw located(error, { ...(name === "" ? {} : { step: name }), ...(span === undefined ? {} : { span }) });
    }
  }

  started(): void {
    const isFirst = this.#startedAt === undefined;
    this.#startedAt = monotonic();
    if (isFirst) this.#report("started");
  }

  cached(solved: Solved): Solved {
    this.#report("cached");
    return solved;
  }

  done(): void {
    this.#report("done");
  }

  #report(status: "started" | "cached" | "done" | "failed" | "canceled", error?: string): void {
    const { digest: id, name, inputs } = this.vertex;
    if (name === "") return;
    const duration = this.#startedAt === undefined ? 0 : monotonic() - this.#startedAt;
    this.#options.report?.({
      kind: "step",
      id,
      name,
      status,
      inputs,
      ...(status === "started" ? {} : { duration }),
      ...(error === undefined ? {} : { error }),
    });
  }
}

/** A counting semaphore. */
class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take(): Promise<Disposable> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return {
      [Symbol.dispose]: () => {
        const next = this.#waiting.shift();
        if (next === undefined) this.#free++;
        else next();
      },
    };
  }
}
