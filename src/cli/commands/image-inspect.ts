import { parsePlatform } from "../../oci/platform.ts";
import { type Command, defineCommand } from "../command.ts";
import { text, value } from "../flags/kinds.ts";
import { inspectFormatHelp } from "../format/format-help.ts";
import { findImage, inspectObjects } from "./inspect-objects.ts";

/** `berth image inspect` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [IMAGE...]",
  arity: { min: 1 },
  flags: {
    format: text(inspectFormatHelp, { short: "f" }),
    platform: value("Inspect a specific platform of the image: os[/arch[/variant]]", parsePlatform),
  },
  onFullDisk: true,
  examples: ["image inspect -f '{{json .Config.Env}}' debian"],
  run: async ({ values: { format, platform }, args, io, engine }) =>
    inspectObjects({ engine, io }, args, {
      find: (opened, name) => findImage(opened, name, platform),
      format,
    }),
});
