import type { Engine } from "../../engine/engine.ts";
import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { inspectFormatHelp } from "../format/format-help.ts";
import { readPlatform } from "../request/platforms.ts";
import { findImage, inspectObjects } from "./inspect-objects.ts";

/** `berth image inspect` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [IMAGE...]",
  arity: { min: 1 },
  flags: {
    format: text(inspectFormatHelp, { short: "f" }),
    platform: text("Inspect a specific platform of the image: os[/arch[/variant]]"),
  },
  onFullDisk: true,
  examples: ["image inspect -f '{{json .Config.Env}}' debian"],
  run: async ({ values: { format, platform: given = "" }, args, io, engine }) => {
    const platform = given === "" ? undefined : readPlatform(given, "");
    const find = (opened: Engine, name: string): Promise<object> => findImage(opened, name, platform);
    return await inspectObjects({ engine, io }, args, { find, format });
  },
});
