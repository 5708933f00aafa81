import { type Command, defineCommand } from "../command.ts";
import { bool } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { agreed, reclaimed } from "./prune.ts";

/** `berth builder prune` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    ...notYet({ withValue: ["filter", "keep-storage"] }),
    all: bool("Remove all unused build cache, not just dangling ones", { short: "a" }),
    force: bool("Do not prompt for confirmation", { short: "f" }),
  },
  onFullDisk: true,
  examples: ["builder prune -f"],
  run: async ({ values: { force }, io, engine }) => {
    if (!force && !(await agreed(io, "This will remove all build cache."))) return 0;
    using interrupt = interruptible(io);
    io.stdout.write(reclaimed(await (await engine()).pruneBuilds({ signal: interrupt.signal })));
    return 0;
  },
});
