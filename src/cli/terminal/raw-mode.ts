import { linux } from "../../host/syscalls.ts";
import type { Terminal } from "./terminal.ts";

/** Hand every key to the program inside, Ctrl-C too, until disposed; nothing where standard input is no terminal. */
export function rawMode({ stdin }: Terminal): Disposable {
  // Node's own raw mode goes on turning line ends into carriage return and line end.
  const restore = stdin.isTTY === true && stdin.fd !== undefined ? linux.makeRaw(stdin.fd) : undefined;
  return { [Symbol.dispose]: () => restore?.() };
}
