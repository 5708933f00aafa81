import type { Flag } from "../flags/flag.ts";
import { integer, text } from "../flags/kinds.ts";

interface StopValues {
  readonly signal: string | undefined;
  readonly timeout: number | undefined;
  readonly time: number | undefined;
}

/** How a container is stopped: flags of `stop` and `restart`. */
export const stopFlags: { readonly [Name in keyof StopValues]: Flag<StopValues[Name]> } = {
  signal: text("Signal to send to the container", { short: "s" }),
  timeout: integer("Seconds to wait before killing the container", { short: "t" }),
  time: integer("Seconds to wait before killing the container", { hidden: true }),
};

/** What {@link stopFlags} come to; `--time` is an older name of `--timeout`. */
export function stopOptions(values: StopValues): { readonly signal?: string; readonly timeout?: number } {
  const { signal, timeout = values.time } = values;
  return { ...(signal === undefined ? {} : { signal }), ...(timeout === undefined ? {} : { timeout }) };
}
