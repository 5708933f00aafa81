import { type Command, defineCommand } from "../command.ts";
import { eachAtOnce } from "../each-target.ts";
import { integer, text } from "../flags/kinds.ts";

/** `berth stop` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: { min: 1 },
  flags: {
    signal: text("Signal to send to the container", { short: "s" }),
    timeout: integer("Seconds to wait before killing the container", { short: "t" }),
    time: integer("Seconds to wait before killing the container", { hidden: true }),
  },
  examples: ["stop web", "stop -t 1 web db"],
  run: async ({ values, args, io, engine }) => {
    const { containers } = await engine();
    const { signal, timeout = values.time } = values;
    const options = { ...(signal === undefined ? {} : { signal }), ...(timeout === undefined ? {} : { timeout }) };
    await eachAtOnce(args, async (name) => {
      await containers.stop(name, options);
      io.stdout.write(`${name}\n`);
    });
    return 0;
  },
});
