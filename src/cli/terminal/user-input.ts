import { detachFilter } from "./detach-keys.ts";
import type { Terminal } from "./terminal.ts";

/** What the user types or pipes in. */
export interface UserInput extends Disposable {
  /** Ends with the input, or when the detach keys were typed. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Aborted when the detach keys were typed. */
  readonly detached: AbortSignal;
}

/** Read standard input until disposed. @param detachKeys looked for when given */
export function userInput(io: Pick<Terminal, "stdin">, detachKeys?: Buffer): UserInput {
  const detached = new AbortController();
  const filter = detachKeys === undefined ? undefined : detachFilter(detachKeys);
  async function* read(): AsyncGenerator<Uint8Array> {
    for await (const chunk of io.stdin as AsyncIterable<Uint8Array>) {
      const found = filter?.push(chunk);
      const pass = found?.pass ?? chunk;
      if (pass.length > 0) yield pass;
      if (found?.detached === true) {
        detached.abort();
        return;
      }
    }
  }
  return {
    bytes: read(),
    detached: detached.signal,
    // An open read of a terminal or pipe would keep the process alive.
    [Symbol.dispose]: () => io.stdin.destroy(),
  };
}
