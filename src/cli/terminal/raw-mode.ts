import type { Terminal } from "./terminal.ts";

/** Hand every key to the program inside, Ctrl-C too, until disposed; nothing where standard input is no terminal. */
export function rawMode({ stdin }: Terminal): Disposable {
  if (stdin.isTTY !== true || stdin.isRaw === true) return { [Symbol.dispose]: () => undefined };
  stdin.setRawMode?.(true);
  return { [Symbol.dispose]: () => void stdin.setRawMode?.(false) };
}
