import { parseInstant } from "../../base/instant.ts";
import { parseDuration } from "./go-values.ts";

/** A time as `--since` takes it: RFC 3339 or parts of it, seconds since the epoch, or how long ago; milliseconds since the epoch. Undefined when it is none. */
export function parseMoment(text: string, now: number = Date.now()): number | undefined {
  const ago = parseDuration(text);
  if (ago !== undefined) return now - ago;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return undefined;
  const time = parseInstant(text);
  return Number.isNaN(time) ? undefined : time;
}
