import type { Operation } from "./operation.ts";

/** How {@link sideBySide} goes about it. */
export interface SideBySide extends Pick<Operation, "signal"> {
  /** How many at once, at least 1. */
  readonly most: number;
}

/**
 * Do something for each item, in order, several at once. The first failure stops those that run, by their signal, and is thrown when
 * they have ended.
 */
export async function sideBySide<T>(
  items: readonly T[],
  { most, signal }: SideBySide,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const stopped = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
  const waiting = items.values();
  const run = async (): Promise<void> => {
    for (const item of waiting) {
      stopped.throwIfAborted();
      await work(item, stopped);
    }
  };
  const runs = Array.from({ length: Math.min(most, items.length) }, async () => {
    try {
      await run();
    } catch (error) {
      // The reason of the first one: what others throw when they are stopped is only its echo.
      failed.abort(error);
    }
  });
  await Promise.all(runs);
  stopped.throwIfAborted();
}
