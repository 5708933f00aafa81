import { setTimeout } from "node:timers/promises";
import { stoppedBy } from "../base/operation.ts";

/** How often something is tried, and how long it is waited for in between. */
export interface Attempts {
  /**
   * Wait before the next attempt: as long as the server asks for, or else a while that doubles each time; by chance a little longer, so
   * that many who failed at once don't come again at once.
   *
   * @param failure what is thrown when there are no more attempts, or the server asks for more time than anybody waits
   */
  again(
    failure: unknown,
    options?: { readonly after?: number | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<void>;
  /** Something was achieved: count from the beginning. */
  progressed(): void;
}

/** Milliseconds. */
const firstPause = 250;
const longestPause = 20_000;
/** The most that a server may ask for: a quota that is counted by the hour is a failure. */
const longestAsked = 60_000;

/** @param most attempts, at least 1 */
export function startAttempts(most: number): Attempts {
  let failed = 0;
  return {
    again: async (failure, { after, signal } = {}) => {
      failed++;
      if (failed >= most || (after ?? 0) > longestAsked) throw failure;
      const pause = Math.min(firstPause * 2 ** (failed - 1), longestPause);
      const chance = (pause * Math.random()) / 2;
      const wait = after === undefined ? pause / 2 + chance : after + chance;
      await sleep(wait, signal);
    },
    progressed: () => {
      failed = 0;
    },
  };
}

/** Wait for some milliseconds. @throws the signal's reason */
export async function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await setTimeout(milliseconds, undefined, stoppedBy(signal));
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** The milliseconds that a `Retry-After` means, of seconds or a date; undefined where it means nothing. @see RFC 9110 section 10.2.3 */
export function retryAfter(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000;
  // Other numbers would be years.
  const time = /^\s*[A-Za-z]{3}/.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(time) ? undefined : Math.max(0, time - now);
}
