import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { parseName } from "../request/name.ts";

/** `berth tag` */
export const command: Command = defineCommand({
  synopsis: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  arity: { min: 2, max: 2 },
  interspersed: false,
  flags: {},
  examples: ["tag debian:bookworm-slim debian:latest"],
  run: async ({ args: [source = "", target = ""], engine }) => {
    const { digest } = parseName(
      target,
      (reason) => `Error parsing reference: ${JSON.stringify(target)} is not a valid repository/tag: ${reason}`,
    );
    if (digest !== undefined) throw new CliError("refusing to create a tag with a digest reference");
    await (await engine()).images.tag(source, target);
    return 0;
  },
});
