import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { inspectFormatHelp } from "../format/format-help.ts";
import { findContainer, inspectObjects } from "./inspect-objects.ts";

/** `berth container inspect` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: { min: 1 },
  flags: {
    ...notYet({ withValue: [], alone: ["size/s"] }),
    format: text(inspectFormatHelp, { short: "f" }),
  },
  examples: ["container inspect -f '{{.State.Pid}}' web"],
  run: async ({ values: { format }, args, io, engine }) =>
    inspectObjects({ engine: await engine(), io }, args, { find: findContainer, format }),
});
