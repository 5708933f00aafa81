import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { inspectFormatHelp } from "../format/format-help.ts";
import { findImage, inspectObjects } from "./inspect-objects.ts";

/** `berth image inspect` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [IMAGE...]",
  arity: { min: 1 },
  flags: {
    ...notYet({ withValue: ["platform"] }),
    format: text(inspectFormatHelp, { short: "f" }),
  },
  examples: ["image inspect -f '{{json .Config.Env}}' debian"],
  run: async ({ values: { format }, args, io, engine }) =>
    inspectObjects({ engine: await engine(), io }, args, { find: findImage, format }),
});
