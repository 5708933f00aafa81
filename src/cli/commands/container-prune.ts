import { type Command, defineCommand } from "../command.ts";
import { filters } from "../flags/filter.ts";
import { bool } from "../flags/kinds.ts";
import { agreed, pruneContainers, reclaimed } from "./prune.ts";

/** `berth container prune` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    filter: filters('Provide filter values (e.g. "until=<timestamp>")'),
    force: bool("Do not prompt for confirmation", { short: "f" }),
  },
  onFullDisk: true,
  examples: ["container prune -f"],
  run: async ({ values: { filter, force }, io, engine }) => {
    if (!force && !(await agreed(io, "This will remove all stopped containers."))) return 0;
    const opened = await engine();
    const { ids, bytes } = await pruneContainers(opened, filter);
    await opened.collectGarbage();
    if (ids.length > 0) io.stdout.write(`Deleted Containers:\n${ids.map((id) => `${id}\n`).join("")}\n`);
    io.stdout.write(reclaimed(bytes));
    return 0;
  },
});
