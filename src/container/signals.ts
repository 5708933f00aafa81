import { BerthError } from "../base/errors.ts";
import { signalNumber as numberOf } from "../oci/signal.ts";

/** Whether the kernel has a signal of a number. */
export function isSignal(number: number): boolean {
  return number >= 1 && number <= 64;
}

/** A signal by name (`SIGTERM`, `term`, `SIGRTMIN+3`) or number. @throws {BerthError} invalid-argument `invalid signal: …` */
export function signalNumber(text: string): number {
  const number = numberOf(text);
  if (number === undefined) throw new BerthError("invalid-argument", `invalid signal: ${text}`);
  return number;
}

/** The signal that a container is to be sent. @throws {BerthError} invalid-argument, also for one that the kernel hasn't */
export function killSignal(text: string, nameOrID: string): number {
  const number = signalNumber(text);
  if (isSignal(number)) return number;
  const what = `cannot kill container: ${nameOrID}: the linux daemon does not support signal ${number}`;
  throw new BerthError("invalid-argument", what);
}
