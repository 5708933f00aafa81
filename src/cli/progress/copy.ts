import type { ProgressEvent } from "../../base/operation.ts";
import type { Output } from "../terminal/terminal.ts";
import { type PullProgress, pullProgress } from "./pull.ts";

/** How a copy goes on: on a terminal the lines of a push or a pull, and else skopeo's line for each blob. */
export function copyProgress(output: Output, { quiet }: { readonly quiet: boolean }): PullProgress {
  if (output.isTTY === true) return pullProgress(output, { quiet });
  const told = new Set<string>();
  const report = (event: ProgressEvent): void => {
    if (event.kind !== "step" || told.has(event.id)) return;
    told.add(event.id);
    if (!quiet) output.write(`Copying blob ${event.id}\n`);
  };
  const end = (): void => {};
  return { report, end, hasBegun: () => told.size > 0, [Symbol.dispose]: end };
}
