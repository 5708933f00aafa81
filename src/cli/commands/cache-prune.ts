import { humanSize } from "../../base/human-size.ts";
import { type Command, defineCommand } from "../command.ts";
import { parseBytes } from "../flags/go-values.ts";
import { bool, value } from "../flags/kinds.ts";
import { agreed, reclaimed } from "./prune.ts";

/** `berth cache prune` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    force: bool("Do not prompt for confirmation", { short: "f" }),
    "max-size": value("Bytes to keep, as 20g; what was asked for least recently goes first", parseBytes, {
      valueName: "bytes",
    }),
  },
  onFullDisk: true,
  examples: ["cache prune -f", "cache prune --max-size 10g"],
  run: async ({ values: { force, "max-size": most = 0 }, io, engine }) => {
    const what = most === 0 ? "everything that the cache keeps" : `what the cache keeps beyond ${humanSize(most)}`;
    if (!force && !(await agreed(io, `This will remove ${what}.`))) return 0;
    const { cache } = await engine();
    io.stdout.write(reclaimed(await cache.prune(most)));
    return 0;
  },
});
