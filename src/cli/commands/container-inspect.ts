import { type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { inspectFormatHelp } from "../format/format-help.ts";
import { findContainer, findSizedContainer, inspectObjects } from "./inspect-objects.ts";

/** `berth container inspect` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: { min: 1 },
  flags: {
    format: text(inspectFormatHelp, { short: "f" }),
    size: bool("Display total file sizes", { short: "s" }),
  },
  onFullDisk: true,
  examples: ["container inspect -f '{{.State.Pid}}' web"],
  run: async ({ values: { format, size }, args, io, engine }) =>
    inspectObjects({ engine, io }, args, { find: size ? findSizedContainer : findContainer, format }),
});
