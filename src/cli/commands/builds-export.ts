import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { checkTarget, writeArchive } from "../terminal/output-file.ts";

/** `berth builds export` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [BUILD...]",
  arity: { min: 0 },
  flags: {
    all: bool("Export all build records"),
    finalize: bool("Ensure build records are finalized: they are when a build has ended"),
    output: text("Write to a file, instead of STDOUT", { short: "o" }),
  },
  examples: ["builds export -o app.dockerbuild", "builds export -o two.dockerbuild ^0 ^1", "builds export --all > all"],
  run: async ({ values: { all, output }, args, io, engine }) => {
    if (all && args.length > 0) throw new CliError("ERROR: cannot specify refs when using --all");
    await checkTarget(io, { output, failure: "failed to export build records" });
    using interrupt = interruptible(io);
    const { builds } = await engine();
    const refs = args.length === 0 ? [""] : args;
    await writeArchive(io, await builds.export(all ? "all" : refs), { output, signal: interrupt.signal });
    return 0;
  },
});
