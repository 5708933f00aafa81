import { BerthError } from "../../base/errors.ts";
import { type Command, defineCommand } from "../command.ts";

/** `berth push` */
export const command: Command = defineCommand({
  synopsis: "NAME[:TAG]",
  arity: { min: 1, max: 1 },
  flags: {},
  examples: ["push my-image"],
  run: async ({ args: [name] }) => {
    throw new BerthError("unimplemented", `registries are to come: berth can't push ${name} yet`, {
      hint: "`berth save -o FILE` writes an image to a file, which `berth load` reads.",
    });
  },
});
