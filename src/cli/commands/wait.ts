import { type Command, defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";

/** `berth wait` */
export const command: Command = defineCommand({
  synopsis: "CONTAINER [CONTAINER...]",
  arity: { min: 1 },
  flags: {},
  examples: ["wait job"],
  run: async ({ args, io, engine }) => {
    const { containers } = await engine();
    await eachTarget(args, async (name) => {
      io.stdout.write(`${await containers.wait(name)}\n`);
    });
    return 0;
  },
});
