import { isKind } from "../../base/errors.ts";
import { type Command, defineCommand } from "../command.ts";
import { eachTarget } from "../each-target.ts";
import { bool } from "../flags/kinds.ts";
import { printError } from "../print-error.ts";
import { parsePlatforms, platformList } from "../request/platforms.ts";

/** `berth rmi` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE [IMAGE...]",
  arity: { min: 1 },
  flags: {
    force: bool("Force removal of the image", { short: "f" }),
    "no-prune": bool("Do not delete untagged parents"),
    platform: platformList(
      'Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
  },
  onFullDisk: true,
  examples: ["rmi my-image", "image rm -f 3494d8f51ded"],
  run: async ({ values: { force, "no-prune": keep, platform }, args, io, engine }) => {
    const platforms = parsePlatforms(platform, "");
    const { images } = await engine();
    const remove = (name: string): ReturnType<typeof images.remove> =>
      platforms.length > 0
        ? images.removePlatforms(name, platforms, { force })
        : images.remove(name, { force, prune: !keep });
    await eachTarget(args, async (name) => {
      try {
        for (const line of await remove(name)) {
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
