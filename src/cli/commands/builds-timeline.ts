import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { checkTarget } from "../terminal/output-file.ts";
import { pageFailure, writeTimeline } from "./build-record.ts";

/** `berth builds timeline` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [BUILD]",
  arity: { min: 0, max: 1 },
  flags: { output: text("Write to a file, instead of STDOUT", { short: "o" }) },
  onFullDisk: true,
  examples: ["builds timeline -o build.html", "builds timeline -o before.html ^1"],
  run: async ({ values: { output }, args: [ref = ""], io, engine }) => {
    await checkTarget(io, { output, failure: pageFailure });
    using interrupt = interruptible(io);
    const build = await (await engine()).builds.get(ref);
    await writeTimeline(io, build, { output, signal: interrupt.signal });
    return 0;
  },
});
