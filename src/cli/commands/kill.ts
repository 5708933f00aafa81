import { type Command, defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { text } from "../flags/kinds.ts";

/** `berth kill` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: { min: 1 },
  flags: { signal: text("Signal to send to the container", { short: "s" }) },
  onFullDisk: true,
  examples: ["kill web", "kill -s HUP web"],
  run: async ({ values: { signal }, args, io, engine }) => {
    const { containers } = await engine();
    await eachTarget(args, async (name) => {
      await containers.kill(name, signal);
      io.stdout.write(`${name}\n`);
    });
    return 0;
  },
});
