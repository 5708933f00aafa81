import { isKind } from "../../base/errors.ts";
import { type Command, defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { bool } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { printError } from "../print-error.ts";

/** `berth rmi` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [IMAGE...]",
  arity: { min: 1 },
  flags: {
    ...notYet({ withValue: ["platform"] }),
    force: bool("Force removal of the image", { short: "f" }),
    "no-prune": bool("Do not delete untagged parents"),
  },
  onFullDisk: true,
  examples: ["rmi my-image", "image rm -f 3494d8f51ded"],
  run: async ({ values: { force, "no-prune": keep }, args, io, engine }) => {
    const { images } = await engine();
    await eachTarget(args, async (name) => {
      try {
        for (const line of await images.remove(name, { force, prune: !keep })) {
          io.stdout.write("untagged" in line ? `Untagged: ${line.untagged}\n` : `Deleted: ${line.deleted}\n`);
        }
      } catch (error) {
        if (!force || !isKind(error, "not-found")) throw error;
        printError(io, error);
      }
    });
    return 0;
  },
});
