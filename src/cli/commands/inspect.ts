import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { inspectFormatHelp } from "../format/format-help.ts";
import { type Finder, findAnything, findContainer, findImage, inspectObjects } from "./inspect-objects.ts";

const finders: Readonly<Record<string, Finder>> = { "": findAnything, container: findContainer, image: findImage };

/** `berth inspect` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] NAME|ID [NAME|ID...]",
  arity: { min: 1 },
  flags: {
    ...notYet({ withValue: [], alone: ["size/s"] }),
    format: text(inspectFormatHelp, { short: "f" }),
    type: text("Only inspect objects of the given type"),
  },
  examples: ["inspect web", "inspect -f '{{.State.ExitCode}}' web", "inspect --type image debian"],
  run: async ({ values: { format, type = "" }, args, io, engine }) => {
    const find = Object.hasOwn(finders, type) ? finders[type] : undefined;
    if (find === undefined) {
      throw new CliError(`unknown type: ${JSON.stringify(type)}: must be one of "container", "image"`);
    }
    return await inspectObjects({ engine: await engine(), io }, args, { find, format });
  },
});
