import type { Links, PlatformBase } from "./linked-base.ts";
import { type SharedSteps, shareSteps } from "./solve.ts";

/** What a build gets that runs beside others. */
export interface Together {
  /** Aborts when another one fails. */
  readonly signal: AbortSignal;
  readonly shared: SharedSteps;
  /** What the builds came to that it stands on, as contexts name them: `target:base`. */
  readonly links: Links;
}

/** One of several builds. */
export interface LinkedBuild<Result> {
  /** Names of those whose results it starts from or copies from. They don't lead back to it. */
  readonly links: readonly string[];
  build(together: Together): Promise<Result>;
}

/**
 * Run builds side by side: a step that several of them have is run once, and each waits for those that it stands on.
 *
 * The first failure stops the others, and is thrown when all have ended.
 */
export async function buildTogether<Result extends { readonly bases: readonly PlatformBase[] }>(
  builds: ReadonlyMap<string, LinkedBuild<Result>>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<ReadonlyMap<string, Result>> {
  const stop = new AbortController();
  const anySignal = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const shared = shareSteps();
  const running = new Map<string, Promise<Result>>();
  const start = (name: string): Promise<Result> => {
    const known = running.get(name);
    if (known !== undefined) return known;
    const started = run(name);
    running.set(name, started);
    return started;
  };
  const run = async (name: string): Promise<Result> => {
    const build = builds.get(name);
    if (build === undefined) throw new Error(`no build ${name}`);
    const links = await Promise.all(
      build.links.map(async (link) => [`target:${link}`, (await start(link)).bases] as const),
    );
    anySignal.throwIfAborted();
    try {
      return await build.build({ signal: anySignal, shared, links: new Map(links) });
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  };
  const all = [...builds.keys()].map(start);
  await Promise.allSettled(all);
  anySignal.throwIfAborted();
  return new Map(await Promise.all([...builds.keys()].map(async (name) => [name, await start(name)] as const)));
}
