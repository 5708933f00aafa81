import { type Command, defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { stopFlags, stopOptions } from "../request/stop-options.ts";

/** `berth restart` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: { min: 1 },
  flags: stopFlags,
  examples: ["restart web", "restart -t 1 web"],
  run: async ({ values, args, io, engine }) => {
    const { containers } = await engine();
    const options = stopOptions(values);
    await eachTarget(args, async (name) => {
      await containers.stop(name, options);
      await containers.start(name);
      io.stdout.write(`${name}\n`);
    });
    return 0;
  },
});
