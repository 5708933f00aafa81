import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool } from "../flags/kinds.ts";

/** `berth builds rm` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [BUILD...]",
  arity: { min: 0 },
  flags: { all: bool("Remove all build records") },
  onFullDisk: true,
  examples: ["builds rm ^1", "builds rm --all"],
  run: async ({ values: { all }, args, engine }) => {
    if (args.length === 0 && !all) throw new CliError("ERROR: rm requires at least one argument");
    if (args.length > 0 && all) throw new CliError("ERROR: rm requires either --all or at least one argument");
    await (await engine()).builds.remove(all ? "all" : args);
    return 0;
  },
});
