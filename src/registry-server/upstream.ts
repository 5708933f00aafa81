import { isKind } from "../base/errors.ts";

/** Milliseconds that a registry has to answer where the store can answer in its place. */
const patience = 3_000;
/** Milliseconds that a registry which didn't answer is left alone where the store can answer in its place. */
const rest = 5_000;

/** What is asked of a registry, and what stands in for its answer. */
export interface Question<T> {
  /** The registry: `docker.io`. */
  readonly domain: string;
  /** What is asked: equal questions at a time are asked once. */
  readonly key: string;
  readonly ask: (signal: AbortSignal) => Promise<T>;
  /** What the store has; undefined where it has nothing. */
  readonly known: T | undefined;
}

/** An answer; `stale` where the registry didn't give it, though it should have. */
export interface Answer<T> {
  readonly value: T;
  readonly isStale: boolean;
}

/** The registries behind a cache, as far as they can be asked. */
export interface Upstreams {
  /** Ask a registry; where it can't be asked, give what is known. @throws what asking came to, where nothing is known or it was refused */
  answer<T>(question: Question<T>): Promise<Answer<T>>;
}

/** @param signal the cache ends */
export function openUpstreams(signal: AbortSignal): Upstreams {
  const asked = new Map<string, Promise<unknown>>();
  const restUntil = new Map<string, number>();
  const ask = <T>({ key, ask: act }: Question<T>): Promise<T> => {
    // The key says what type the answer has.
    const running = asked.get(key) as Promise<T> | undefined;
    if (running !== undefined) return running;
    const one = act(signal).finally(() => asked.delete(key));
    asked.set(key, one);
    return one;
  };
  return {
    answer: async (question) => {
      const { domain, known } = question;
      if (known === undefined) return { value: await ask(question), isStale: false };
      const stale = { value: known, isStale: true };
      if ((restUntil.get(domain) ?? 0) > Date.now()) return stale;
      try {
        const answered = await withinPatience(ask(question));
        if (answered !== undefined) {
          restUntil.delete(domain);
          return { ...answered, isStale: false };
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!isKind(error, "unavailable")) throw error;
      }
      restUntil.set(domain, Date.now() + rest);
      return stale;
    },
  };
}

/** Undefined where the answer is late: others may have more patience, so it is still waited for. */
async function withinPatience<T>(answer: Promise<T>): Promise<{ readonly value: T } | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(late.resolve, patience, undefined);
  try {
    return await Promise.race([answer.then((value) => ({ value })), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
