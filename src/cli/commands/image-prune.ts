import { type Command, defineCommand } from "../command.ts";
import { filters } from "../flags/filter.ts";
import { bool } from "../flags/kinds.ts";
import { agreed, pruneImages, reclaimed } from "./prune.ts";

/** `berth image prune` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    all: bool("Remove all unused images, not just dangling ones", { short: "a" }),
    filter: filters('Provide filter values (e.g. "until=<timestamp>")'),
    force: bool("Do not prompt for confirmation", { short: "f" }),
  },
  onFullDisk: true,
  examples: ["image prune -f", "image prune -a"],
  run: async ({ values: { all, filter, force }, io, engine }) => {
    const what = all ? "all images without at least one container associated to them" : "all dangling images";
    if (!force && !(await agreed(io, `This will remove ${what}.`))) return 0;
    const opened = await engine();
    const { lines, bytes } = await pruneImages(opened, { all, given: filter });
    await opened.collectGarbage();
    if (lines.length > 0) io.stdout.write(`Deleted Images:\n${lines.join("\n")}\n\n`);
    io.stdout.write(reclaimed(bytes));
    return 0;
  },
});
