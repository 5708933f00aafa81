import { type Command, defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { integer, text } from "../flags/kinds.ts";

/** `berth restart` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: { min: 1 },
  flags: {
    signal: text("Signal to send to the container", { short: "s" }),
    timeout: integer("Seconds to wait before killing the container", { short: "t" }),
    time: integer("Seconds to wait before killing the container", { hidden: true }),
  },
  examples: ["restart web", "restart -t 1 web"],
  run: async ({ values, args, io, engine }) => {
    const { containers } = await engine();
    const { signal, timeout = values.time } = values;
    const options = { ...(signal === undefined ? {} : { signal }), ...(timeout === undefined ? {} : { timeout }) };
    await eachTarget(args, async (name) => {
      await containers.stop(name, options);
      await containers.start(name);
      io.stdout.write(`${name}\n`);
    });
    return 0;
  },
});
