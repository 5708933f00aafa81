import { BerthError } from "../../base/errors.ts";
import { type Command, defineCommand } from "../command.ts";

/** `berth pull` */
export const command: Command = defineCommand({
  synopsis: "NAME[:TAG|@DIGEST]",
  arity: { min: 1, max: 1 },
  flags: {},
  examples: ["pull debian"],
  run: async ({ args: [name] }) => {
    throw new BerthError("unimplemented", `registries are to come: berth can't pull ${name} yet`, {
      hint: "`berth import` makes an image from a file system archive, `berth load` reads what `berth save` wrote elsewhere.",
    });
  },
});
