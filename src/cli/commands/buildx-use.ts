import { type Command, defineCommand } from "../command.ts";
import { builderFlags, requireBuilder } from "../flags/builder.ts";
import { bool } from "../flags/kinds.ts";

/** `berth buildx use`: there is one builder, which is the current one. */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] NAME",
  arity: { min: 1, max: 1 },
  flags: {
    ...builderFlags,
    default: bool("Set builder as default for current context"),
    global: bool("Builder persists context changes"),
  },
  examples: ["buildx use default"],
  run: async ({ args: [name = ""] }) => {
    requireBuilder(name);
    return 0;
  },
});
