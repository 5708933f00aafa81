import { BerthError } from "../base/errors.ts";
import { signalNumber as numberOf } from "../oci/signal.ts";

/** A signal by name (`SIGTERM`, `term`, `SIGRTMIN+3`) or number. @throws {BerthError} invalid-argument `invalid signal: …` */
export function signalNumber(text: string): number {
  const number = numberOf(text);
  if (number === undefined) throw new BerthError("invalid-argument", `invalid signal: ${text}`);
  return number;
}
