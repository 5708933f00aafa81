import { BerthError } from "../base/errors.ts";
import type { Healthcheck } from "../oci/image-config.ts";
import { parseDuration } from "./duration.ts";
import { parseFlags } from "./flags.ts";
import type { Statement } from "./statements.ts";

const kinds = {
  interval: "string",
  timeout: "string",
  "start-period": "string",
  "start-interval": "string",
  retries: "string",
} as const;

const nanosecondsPerMillisecond = 1e6;

/**
 * `HEALTHCHECK NONE`, or `HEALTHCHECK [flags] CMD command`. Times in nanoseconds; zero means the default and is left out.
 *
 * @throws {BerthError} invalid-argument with BuildKit's message
 */
export function parseHealthcheck(statement: Statement): Healthcheck {
  const [type = "", ...args] = statement.args;
  const kind = type.toUpperCase();
  if (kind === "") throw wrong("HEALTHCHECK requires at least one argument");
  if (kind === "NONE") {
    if (args.length > 0) throw wrong("HEALTHCHECK NONE takes no arguments");
    return { Test: ["NONE"] };
  }
  const flags = parseFlags(statement.flags, kinds);
  if (kind !== "CMD") throw wrong(`Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  if (args.length === 0) throw wrong("Missing command after HEALTHCHECK CMD");
  const Interval = parseInterval("interval", flags("interval")[0]);
  const Timeout = parseInterval("timeout", flags("timeout")[0]);
  const StartPeriod = parseInterval("start-period", flags("start-period")[0]);
  const StartInterval = parseInterval("start-interval", flags("start-interval")[0]);
  const Retries = parseRetries(flags("retries")[0]);
  return {
    Test: [statement.json ? "CMD" : "CMD-SHELL", ...args],
    ...(Interval > 0 && { Interval }),
    ...(Timeout > 0 && { Timeout }),
    ...(StartPeriod > 0 && { StartPeriod }),
    ...(StartInterval > 0 && { StartInterval }),
    ...(Retries > 0 && { Retries }),
  };
}

/** A time of a check in nanoseconds; zero when absent. @throws {BerthError} invalid-argument with BuildKit's message */
export function parseInterval(name: string, value = ""): number {
  if (value === "") return 0;
  const duration = parseDuration(value);
  if (duration !== 0 && duration < nanosecondsPerMillisecond)
    throw wrong(`Interval ${JSON.stringify(name)} cannot be less than 1ms`);
  return duration;
}

function parseRetries(value = ""): number {
  if (value === "") return 0;
  const parsing = `strconv.ParseInt: parsing ${JSON.stringify(value)}`;
  if (!/^[-+]?\d+$/.test(value)) throw wrong(`${parsing}: invalid syntax`);
  const retries = Number(value);
  if (Math.abs(retries) > 2 ** 31 - 1) throw wrong(`${parsing}: value out of range`);
  if (retries < 0) throw wrong(`--retries cannot be negative (${retries})`);
  return retries;
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
