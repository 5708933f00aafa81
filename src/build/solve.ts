import { availableParallelism } from "node:os";
import { messageOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { type ChainID, type Digest, digestOf } from "../oci/digest.ts";
import { located } from "./build-error.ts";
import type { BuildCache, BuildRecord } from "./cache.ts";
import type { Graph, Vertex } from "./graph.ts";

/** What a vertex came to. */
export interface Solved {
  /** The file system; undefined is the empty one. */
  readonly chainID: ChainID | undefined;
  /** True for the build context, which isn't in the store. */
  readonly isContext?: boolean;
  /** When the step ran, RFC 3339; absent for sources. */
  readonly created?: string;
}

/** A vertex with its inputs known. */
export interface Work {
  /**
   * Names of the result by what it is made of, the cheapest first. A record under any of them is a hit;
   * a result is recorded under all of them. A source has none.
   */
  readonly keys: readonly (() => Promise<string>)[];
  run(op: StepOperation): Promise<Solved>;
}

/** What a step runs under. */
export interface StepOperation extends Operation {
  readonly signal: AbortSignal;
  /** As in {@link SolveOptions}. */
  readonly latest?: bigint;
}

/** What the solver needs beside the graph. */
export interface SolverDeps {
  readonly cache: BuildCache;
  plan(vertex: Vertex, inputs: readonly Solved[]): Work;
}

/** How to solve. */
export interface SolveOptions extends Operation {
  /** Look no result up; results are recorded all the same. */
  readonly noCache?: boolean;
  /** Most steps that run at once; twice the processors when absent. */
  readonly parallelism?: number;
  /** The latest time that a file of a layer may have, nanoseconds since the epoch: it is part of every key. Any when absent. */
  readonly latest?: bigint;
  /** Told of every record that is new or was used. */
  readonly onRecord?: (record: BuildRecord) => void;
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

class Solver {
  readonly #deps: SolverDeps;
  readonly #graph: Graph;
  readonly #options: SolveOptions & { readonly signal: AbortSignal };
  readonly #vertices = new Map<Digest, Promise<Solved>>();
  /** Work under way by its key: two vertices may turn out to be the same work once their inputs are known. */
  readonly #flights = new Map<string, Promise<Solved>>();
  readonly #slots: Slots;

  constructor(deps: SolverDeps, graph: Graph, options: SolveOptions & { readonly signal: AbortSignal }) {
    this.#deps = deps;
    this.#graph = graph;
    this.#options = options;
    this.#slots = new Slots(options.parallelism ?? 2 * availableParallelism());
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
    const step = new Step(vertex, this.#options);
    return step.track(async () => {
      const work = this.#deps.plan(vertex, inputs);
      const keys: string[] = [];
      for (const makeKey of work.keys) {
        const key = this.#timed(await makeKey());
        keys.push(key);
        const hit = this.#options.noCache === true ? undefined : this.#deps.cache.find(key);
        if (hit !== undefined) return this.#hit(step, hit, keys);
      }
      const flightKey = keys.at(-1) ?? vertex.digest;
      const flight = this.#flights.get(flightKey);
      if (flight !== undefined) return step.cached(await flight);
      const started = this.#run(step, work, keys);
      this.#flights.set(flightKey, started);
      return started;
    });
  }

  /** What was made under another limit of times is something else. */
  #timed(key: string): string {
    const { latest } = this.#options;
    return latest === undefined ? key : digestOf(`${key} ${latest}`);
  }

  #hit(step: Step, hit: BuildRecord, keys: readonly string[]): Solved {
    for (const key of keys) this.#options.onRecord?.({ ...hit, key });
    return step.cached({ chainID: hit.chainID, created: hit.created });
  }

  async #run(step: Step, work: Work, keys: readonly string[]): Promise<Solved> {
    using _slot = await this.#slots.take();
    this.#options.signal.throwIfAborted();
    step.started();
    const { signal, report, latest } = this.#options;
    const solved = await work.run({
      signal,
      ...(report === undefined ? {} : { report }),
      ...(latest === undefined ? {} : { latest }),
    });
    step.done();
    const { chainID } = solved;
    if (chainID === undefined || keys.length === 0) return solved;
    const created = new Date().toISOString();
    for (const key of keys) this.#options.onRecord?.({ key, chainID, created, name: step.vertex.name });
    return { ...solved, created };
  }
}

/** What is told of one vertex. */
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
      const canceled = this.#options.signal?.aborted === true;
      if (this.#startedAt !== undefined || !canceled) this.#report(canceled ? "canceled" : "failed", messageOf(error));
      const { name, span } = this.vertex;
      throw located(error, { ...(name === "" ? {} : { step: name }), ...(span === undefined ? {} : { span }) });
    }
  }

  started(): void {
    this.#startedAt = performance.now();
    this.#report("started");
  }

  cached(solved: Solved): Solved {
    this.#report("cached");
    return solved;
  }

  done(): void {
    this.#report("done");
  }

  #report(status: "started" | "cached" | "done" | "failed" | "canceled", error?: string): void {
    const { digest: id, name } = this.vertex;
    if (name === "") return;
    const duration = this.#startedAt === undefined ? 0 : performance.now() - this.#startedAt;
    this.#options.report?.({
      kind: "step",
      id,
      name,
      status,
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
