import { BerthError } from "../../base/errors.ts";
import { type Command, defineCommand } from "../command.ts";

/** `berth export` */
export const command: Command = defineCommand({
  synopsis: "CONTAINER",
  arity: { min: 1, max: 1 },
  flags: {},
  examples: ["export web > web.tar"],
  run: async ({ args: [name = ""], engine }) => {
    await (await engine()).containers.get(name);
    throw new BerthError("unimplemented", "berth can't export containers yet", {
      hint: "`berth commit` makes an image of the container, and `berth save` writes that to a file.",
    });
  },
});
