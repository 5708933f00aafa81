import type { Reference } from "../../oci/reference.ts";
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
    if (!isWholeID(source)) parsedName(source);
    const { digest } = parsedName(target);
    if (digest !== undefined) throw new CliError("refusing to create a tag with a digest reference");
    await (await engine()).images.tag(source, target);
    return 0;
  },
});

function parsedName(name: string): Reference {
  return parseName(
    name,
    (reason) => `Error parsing reference: ${JSON.stringify(name)} is not a valid repository/tag: ${reason}`,
  );
}

/** What Docker takes for a source beside a name. */
function isWholeID(source: string): boolean {
  return /^(?:sha256:)?[a-f0-9]{64}$/.test(source);
}
