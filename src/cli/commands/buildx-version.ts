import { build, version } from "../../base/version.ts";
import { type Command, defineCommand } from "../command.ts";
import { builderFlags } from "../flags/builder.ts";

/** `berth buildx version` */
export const command: Command = defineCommand({
  synopsis: "",
  arity: { min: 0, max: 0 },
  flags: builderFlags,
  examples: ["buildx version"],
  run: async ({ io }) => {
    io.stdout.write(`berth ${version} ${build}\n`);
    return 0;
  },
});
