import { constants } from "node:os";
import { BerthError } from "../base/errors.ts";

const numbers: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals));
const highest = 64;

/** A signal by name (`SIGTERM`, `term`) or number. @throws {BerthError} invalid-argument `invalid signal: …` */
export function signalNumber(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number >= 1 && number <= highest) return number;
  }
  const name = text.toUpperCase();
  const number = numbers.get(name.startsWith("SIG") ? name : `SIG${name}`);
  if (number === undefined) throw new BerthError("invalid-argument", `invalid signal: ${text}`);
  return number;
}
