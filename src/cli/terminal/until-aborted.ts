import { orAborted } from "../../base/operation.ts";

/**
 * What streams in, until the signal aborts: whoever waits for a pipe doesn't wait for its end then.
 *
 * @throws the signal's reason
 */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  for (;;) {
    const next = await orAborted(iterator.next(), signal);
    if (next.done === true) return;
    yield next.value;
  }
}
