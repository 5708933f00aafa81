import { BerthError } from "../../base/errors.ts";
import { parseInterval } from "../../dockerfile/healthcheck.ts";
import type { Healthcheck } from "../../oci/image-config.ts";

/** A time: `30s`, `1.5m`. */
export type Duration = `${number}${"ms" | "s" | "m" | "h"}`;

/** How often and how long a check is tried; Docker's defaults when absent. */
export interface HealthcheckOptions {
  readonly interval?: Duration;
  readonly timeout?: Duration;
  readonly startPeriod?: Duration;
  readonly startInterval?: Duration;
  readonly retries?: number;
}

/** A check as the image's config has it. @param command `false` for none. @throws {BerthError} invalid-argument */
export function healthcheckOf(
  command: string | readonly [string, ...string[]] | false,
  { interval, timeout, startPeriod, startInterval, retries = 0 }: HealthcheckOptions,
): Healthcheck {
  if (command === false) return { Test: ["NONE"] };
  if (!Number.isInteger(retries) || retries < 0)
    throw new BerthError("invalid-argument", `a check can't be tried ${retries} times`);
  const times = {
    Interval: parseInterval("interval", interval),
    Timeout: parseInterval("timeout", timeout),
    StartPeriod: parseInterval("start-period", startPeriod),
    StartInterval: parseInterval("start-interval", startInterval),
    Retries: retries,
  };
  return {
    Test: typeof command === "string" ? ["CMD-SHELL", command] : ["CMD", ...command],
    ...Object.fromEntries(Object.entries(times).filter(([, value]) => value > 0)),
  };
}
