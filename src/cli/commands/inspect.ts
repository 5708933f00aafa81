import { BerthError } from "../../base/errors.ts";
import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { inspectFormatHelp } from "../format/format-help.ts";
import type { Terminal } from "../terminal/terminal.ts";
import {
  type Finder,
  findContainer,
  findImage,
  findNetwork,
  findSizedContainer,
  findVolume,
  firstOf,
  inspectObjects,
} from "./inspect-objects.ts";

/** Docker's kinds of things. Those of a cluster are known by name, and never there. */
const types = ["config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"];

/** `berth inspect` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] NAME|ID [NAME|ID...]",
  arity: { min: 1 },
  flags: {
    format: text(inspectFormatHelp, { short: "f" }),
    size: bool("Display total file sizes if the type is container", { short: "s" }),
    type: text("Only inspect objects of the given type"),
  },
  onFullDisk: true,
  examples: ["inspect web", "inspect -f '{{.State.ExitCode}}' web", "inspect --type image debian"],
  run: async ({ values: { format, size, type }, given, args, io, engine }) => {
    const list = types.map((name) => JSON.stringify(name)).join(", ");
    if (given.has("type") && type === "") throw new CliError(`type is empty: must be one of ${list}`);
    if (type !== undefined && !types.includes(type)) {
      throw new CliError(`unknown type: ${JSON.stringify(type)}: must be one of ${list}`);
    }
    return await inspectObjects({ engine, io }, args, { find: finderOf(type, size, io), format });
  },
});

function finderOf(type: string | undefined, size: boolean, io: Terminal): Finder {
  const warned = (kind: string, find: Finder): Finder =>
    size
      ? async (engine, name) => {
          const found = await find(engine, name);
          io.stderr.write(`WARNING: --size ignored for ${kind}\n`);
          return found;
        }
      : find;
  const finders: Readonly<Record<string, Finder>> = {
    container: size ? findSizedContainer : findContainer,
    image: warned("image", findImage),
    network: warned("network", findNetwork),
    volume: warned("volume", findVolume),
  };
  if (type === undefined) return firstOf(Object.values(finders));
  return finders[type] ?? refusing(type);
}

function refusing(type: string): Finder {
  return (_, name) => {
    throw new BerthError("unimplemented", `berth has no ${type}s: ${name}`);
  };
}
