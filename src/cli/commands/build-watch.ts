import { setTimeout as sleep } from "node:timers/promises";
import type { BuildOptions } from "../../build/build.ts";
import { ContextReads } from "../../build/read-context.ts";
import { type ContextChange, type WatchedContext, watchContext } from "../../build/watch-context.ts";
import { printError } from "../print-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** What is built again and again. */
export interface Watching {
  readonly io: Terminal;
  readonly contexts: readonly [WatchedContext, ...WatchedContext[]];
  readonly signal: AbortSignal;
  /** One build. */
  build(options: Required<Pick<BuildOptions, "signal" | "reads">>): Promise<unknown>;
}

/** Time that a burst of changes gets to end, milliseconds. */
const settleTime = 100;

/**
 * Build, and build again whenever a file changes that the build has read; a build under way is given up then. A build that fails
 * is told, and waits for any change.
 *
 * @throws the signal's reason, when that aborts: the only end
 */
export async function watchBuild({ io, contexts, signal, build }: Watching): Promise<never> {
  const [own, ...named] = contexts;
  let attempt = new Attempt(signal);
  using stack = new DisposableStack();
  stack.use(watchContext(own, (change) => attempt.changed(change)));
  // What is read of named contexts isn't known: everything counts.
  for (const context of named)
    stack.use(watchContext(context, (change) => attempt.changed({ ...change, isDefinition: true })));
  for (;;) {
    try {
      await build({ signal: attempt.signal, reads: attempt.reads });
      attempt.succeeded();
    } catch (error) {
      signal.throwIfAborted();
      if (!attempt.signal.aborted) printError(io, error);
    }
    if (!attempt.signal.aborted) io.stderr.write("Waiting for a change; Ctrl-C ends.\n");
    const path = await attempt.change();
    await sleep(settleTime, undefined, { signal }).catch(() => signal.throwIfAborted());
    io.stderr.write(`\n${path} changed, building again.\n`);
    attempt = new Attempt(signal);
  }
}

/** One build and the time until something changes. */
class Attempt {
  readonly reads = new ContextReads();
  readonly signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #end: AbortSignal;
  readonly #change = Promise.withResolvers<string>();
  /** What a build that failed would have read isn't known. */
  #knowsAll = false;
  #isOver = false;

  constructor(end: AbortSignal) {
    this.#end = end;
    this.signal = AbortSignal.any([end, this.#stop.signal]);
  }

  succeeded(): void {
    this.#knowsAll = true;
  }

  changed({ path, isDefinition }: ContextChange): void {
    const concerns = isDefinition || this.reads.concerns(path) || (this.#isOver && !this.#knowsAll);
    if (!concerns) return;
    this.#stop.abort(new Error(`${path} changed`));
    this.#change.resolve(path);
  }

  /** @returns the path of what changed */
  async change(): Promise<string> {
    this.#isOver = true;
    const ended = Promise.withResolvers<never>();
    const onEnd = (): void => ended.reject(this.#end.reason);
    this.#end.throwIfAborted();
    this.#end.addEventListener("abort", onEnd, { once: true });
    try {
      return await Promise.race([this.#change.promise, ended.promise]);
    } finally {
      this.#end.removeEventListener("abort", onEnd);
    }
  }
}
