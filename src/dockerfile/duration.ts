import { BerthError } from "../base/errors.ts";

const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * Read `1h30m`, `1.5s`, `-100ms` into nanoseconds.
 *
 * @throws {BerthError} invalid-argument with the message of Go's time.ParseDuration
 */
export function parseDuration(text: string): number {
  const quoted = JSON.stringify(text);
  const [, sign = "", amount = ""] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  if (amount === "0") return 0;
  const invalid = new BerthError("invalid-argument", `time: invalid duration ${quoted}`);
  if (amount === "") throw invalid;
  let total = 0;
  for (let rest = amount; rest !== ""; ) {
    const [part = "", number = "", unit = ""] = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest) ?? [];
    if (part === "") throw invalid;
    if (unit === "") throw new BerthError("invalid-argument", `time: missing unit in duration ${quoted}`);
    const scale = Object.hasOwn(units, unit) ? units[unit] : undefined;
    if (scale === undefined)
      throw new BerthError("invalid-argument", `time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`);
    total += Number(number) * scale;
    rest = rest.slice(part.length);
  }
  if (total > 2 ** 63 - 1) throw invalid;
  return sign === "-" ? -Math.trunc(total) : Math.trunc(total);
}
