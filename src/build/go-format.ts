import type { Healthcheck } from "../oci/image-config.ts";

/** A string as Go's `%q` prints it. */
export function quote(text: string): string {
  return `"${[...text].map((character) => (character === '"' ? '\\"' : escaped(character))).join("")}"`;
}

/** A list of strings as Go's `%q` prints it: `["sh" "-c" "ls"]`. */
export function quoteList(words: readonly string[]): string {
  return `[${words.map(quote).join(" ")}]`;
}

/** A list of strings as Go's `%v` prints it: `[/a /b]`. */
export function plainList(words: readonly string[]): string {
  return `[${words.join(" ")}]`;
}

/** A duration as Go prints it: `1m30s`, `1.5s`, `200ms`, `0s`. @param nanoseconds not negative */
export function durationText(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const seconds = nanoseconds / 1e9;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  // Whole minutes are taken off in nanoseconds, so that no binary fraction shows.
  const rest = `${(nanoseconds - (hours * 60 + minutes) * 60e9) / 1e9}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}

/** A health check as BuildKit writes it into the history: Go's `%q` of a pointer to the struct. */
export function healthcheckText(check: Healthcheck): string {
  const durations = [check.Interval, check.Timeout, check.StartPeriod, check.StartInterval].map((duration) =>
    quote(durationText(duration ?? 0)),
  );
  const retries = String.fromCodePoint(check.Retries ?? 0);
  const rune = retries === "'" ? "\\'" : escaped(retries);
  return `&{${quoteList(check.Test ?? [])} ${durations.join(" ")} '${rune}'}`;
}

const named: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
};

function escaped(character: string): string {
  const name = named[character];
  if (name !== undefined) return name;
  if (character === " " || !/[\p{C}\p{Z}]/u.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
