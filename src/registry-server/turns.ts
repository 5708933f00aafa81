/** Turns at something that only so many may do at once, in the order in which they are asked for. */
export interface Turns {
  /** Wait for a turn at `key`, which ends when it is disposed. @throws the reason of the signal */
  take(key: string, signal: AbortSignal): Promise<Disposable>;
}

/** @param most turns of each key at a time, at least 1 */
export function openTurns(most: number): Turns {
  const queues = new Map<string, { running: number; readonly waiting: Set<() => void> }>();
  const end = (key: string): void => {
    const queue = queues.get(key);
    if (queue === undefined) return;
    const [next] = queue.waiting;
    if (next !== undefined) next();
    else if (--queue.running === 0) queues.delete(key);
  };
  return {
    take: async (key, signal) => {
      signal.throwIfAborted();
      const queue = queues.get(key) ?? { running: 0, waiting: new Set() };
      queues.set(key, queue);
      if (queue.running < most) queue.running++;
      else await called(queue.waiting, signal);
      let isOver = false;
      return {
        [Symbol.dispose]: () => {
          if (!isOver) end(key);
          isOver = true;
        },
      };
    },
  };
}

/** Wait in a queue until one is called out of it. */
async function called(waiting: Set<() => void>, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const call = (): void => {
    waiting.delete(call);
    resolve();
  };
  const leave = (): void => {
    waiting.delete(call);
    reject(signal.reason);
  };
  waiting.add(call);
  signal.addEventListener("abort", leave, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
