import { type Readable, Transform } from "node:stream";
import { detachFilter } from "./detach-keys.ts";
import type { Terminal } from "./terminal.ts";

/** What the user types or pipes in. */
export interface UserInput extends Disposable {
  /** Ends with the input; when the detach keys were typed it just stops, as its end would be the container's end of input. */
  readonly stream: Readable;
  /** Aborted when the detach keys were typed. */
  readonly detached: AbortSignal;
}

/** Read standard input until disposed. @param detachKeys looked for when given */
export function userInput({ stdin }: Pick<Terminal, "stdin">, detachKeys?: Buffer): UserInput {
  const detached = new AbortController();
  const stream = detachKeys === undefined ? stdin : stdin.pipe(watched(detachKeys, detached));
  // An open read of a terminal or pipe would keep the process alive.
  return { stream, detached: detached.signal, [Symbol.dispose]: () => void stdin.destroy() };
}

function watched(keys: Buffer, detached: AbortController): Transform {
  const filter = detachFilter(keys);
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      if (detached.signal.aborted) return done();
      const found = filter.push(chunk);
      if (found.detached) detached.abort();
      return done(null, found.pass.length > 0 ? found.pass : undefined);
    },
  });
}
