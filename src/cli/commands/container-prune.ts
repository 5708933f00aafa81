import { type Command, defineCommand } from "../command.ts";
import { bool } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { agreed, pruneContainers } from "./prune.ts";

/** `berth container prune` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: { ...notYet({ withValue: ["filter"] }), force: bool("Do not prompt for confirmation", { short: "f" }) },
  examples: ["container prune -f"],
  run: async ({ values: { force }, io, engine }) => {
    if (!force && !(await agreed(io, "This will remove all stopped containers."))) return 0;
    const ids = await pruneContainers(await engine());
    if (ids.length > 0) io.stdout.write(`Deleted Containers:\n${ids.map((id) => `${id}\n`).join("")}\n`);
    return 0;
  },
});
