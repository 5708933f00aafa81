import { type Command, defineCommand } from "../command.ts";
import { eachAtOnce } from "../each-target.ts";
import { stopFlags, stopOptions } from "../request/stop-options.ts";

/** `berth stop` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: { min: 1 },
  flags: stopFlags,
  onFullDisk: true,
  examples: ["stop web", "stop -t 1 web db"],
  run: async ({ values, args, io, engine }) => {
    const { containers } = await engine();
    const options = stopOptions(values);
    await eachAtOnce(args, async (name) => {
      await containers.stop(name, options);
      io.stdout.write(`${name}\n`);
    });
    return 0;
  },
});
