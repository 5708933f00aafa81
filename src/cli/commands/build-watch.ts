import { relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { orAborted } from "../../base/operation.ts";
import type { BuildOptions } from "../../build/build.ts";
import { ContextReads } from "../../build/read-context.ts";
import type { BuildGraph } from "../../build/typed/graph.ts";
import { type ContextChange, type WatchedContext, watchContext } from "../../build/watch-context.ts";
import { watchFiles } from "../../build/watch-files.ts";
import { printError } from "../print-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** What is built again and again. */
export interface Watching {
  readonly io: Terminal;
  readonly contexts: readonly [WatchedContext, ...WatchedContext[]];
  readonly signal: AbortSignal;
  /** The program that has the stages; absent for a Dockerfile. */
  readonly program?: WatchedProgram;
  /** One build. */
  build(options: Required<Pick<BuildOptions, "signal" | "reads">> & Pick<BuildOptions, "graph">): Promise<unknown>;
}

/** A program that is run for each build. */
export interface WatchedProgram {
  /** What it was made of when it was run last, as {@link watchFiles} takes them. */
  readonly sources: ReadonlyMap<string, number>;
  load(): Promise<BuildGraph>;
}

/** Time that a burst of changes gets to end, milliseconds. */
const settleTime = 100;

/**
 * Build, and build again whenever a file changes that the build has read; a build under way is given up then. A build that fails
 * is told, and waits for any change.
 *
 * @throws the signal's reason, when that aborts
 * @throws {BerthError} failed-precondition, when the kernel watches no more directories
 */
export async function watchBuild({ io, contexts, signal, program, build }: Watching): Promise<never> {
  const [own, ...named] = contexts;
  let attempt = new Attempt(signal);
  using stack = new DisposableStack();
  stack.defer(() => attempt[Symbol.dispose]());
  stack.use(watchContext(own, (change) => attempt.changed(change)));
  // What is read of named contexts isn't known: everything counts.
  for (const context of named)
    stack.use(watchContext(context, (change) => attempt.changed({ ...change, isDefinition: true })));
  for (;;) {
    try {
      const loaded = program === undefined ? {} : { graph: await attempt.load(program) };
      await build({ signal: attempt.signal, reads: attempt.reads, ...loaded });
      attempt.succeeded();
    } catch (error) {
      signal.throwIfAborted();
      if (!attempt.signal.aborted) printError(io, error);
    }
    if (!attempt.signal.aborted) io.stderr.write("Waiting for a change; Ctrl-C ends.\n");
    const path = await attempt.change();
    await sleep(settleTime, undefined, { signal }).catch(() => signal.throwIfAborted());
    io.stderr.write(`\n${path} changed, building again.\n`);
    attempt[Symbol.dispose]();
    attempt = new Attempt(signal);
  }
}

/** One build and the time until something changes. */
class Attempt implements Disposable {
  readonly reads = new ContextReads();
  readonly signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #end: AbortSignal;
  readonly #change = Promise.withResolvers<string>();
  readonly #watches = new DisposableStack();
  /** What a build that failed would have read isn't known. */
  #knowsAll = false;
  #isOver = false;

  constructor(end: AbortSignal) {
    this.#end = end;
    this.signal = AbortSignal.any([end, this.#stop.signal]);
    // Whoever waits for a change is told.
    this.#change.promise.catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#watches.dispose();
  }

  /** Run the program anew, and wait for changes of its files, also of those that it failed with. */
  async load(program: WatchedProgram): Promise<BuildGraph> {
    try {
      return await program.load();
    } finally {
      this.#watches.use(
        watchFiles(program.sources, (path) => this.changed({ path: relative("", path), isDefinition: true })),
      );
    }
  }

  succeeded(): void {
    this.#knowsAll = true;
  }

  changed({ path, isDefinition, unwatched }: ContextChange): void {
    if (unwatched !== undefined) this.#change.reject(unwatched);
    const concerns = isDefinition || this.reads.concerns(path) || (this.#isOver && !this.#knowsAll);
    if (!concerns) return;
    this.#stop.abort(new Error(`${path} changed`));
    this.#change.resolve(path);
  }

  /** @returns the path of what changed @throws {BerthError} as {@link watchBuild} */
  async change(): Promise<string> {
    this.#isOver = true;
    return await orAborted(this.#change.promise, this.#end);
  }
}
