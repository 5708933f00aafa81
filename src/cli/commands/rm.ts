import { isKind } from "../../base/errors.ts";
import { type Command, defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { bool } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { printError } from "../print-error.ts";

/** `berth rm` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: { min: 1 },
  flags: {
    ...notYet({ withValue: [], alone: ["link/l"] }),
    force: bool("Force the removal of a running container (uses SIGKILL)", { short: "f" }),
    volumes: bool("Remove anonymous volumes associated with the container", { short: "v" }),
  },
  onFullDisk: true,
  examples: ["rm web", "rm -fv web db"],
  run: async ({ values: { force, volumes }, args, io, engine }) => {
    const { containers } = await engine();
    await eachTarget(args, async (name) => {
      try {
        await containers.remove(name, { force, volumes });
      } catch (error) {
        // What isn't there is as removed as can be.
        if (!force || !isKind(error, "not-found")) throw error;
        printError(io, error);
        return;
      }
      io.stdout.write(`${name}\n`);
    });
    return 0;
  },
});
