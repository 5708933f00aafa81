import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { inspectFormatHelp } from "../format/format-help.ts";
import { differenceJSON, drawDifference } from "../list/image-difference.ts";
import { interruptible } from "../terminal/interrupt.ts";
import { compileTemplate } from "./fill-template.ts";

/** `berth image diff` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE IMAGE",
  arity: { min: 2, max: 2 },
  flags: { format: text(inspectFormatHelp) },
  examples: ["image diff app:1 app:2", "image diff --format json debian app"],
  run: async ({ values: { format = "" }, args: [before = "", after = ""], io, engine }) => {
    const show = format === "" || format === "json" ? undefined : compileTemplate(format);
    using interrupt = interruptible(io);
    const difference = await (await engine()).images.diff(before, after, { signal: interrupt.signal });
    if (format === "") io.stdout.write(drawDifference(difference, [before, after]));
    else {
      const data = differenceJSON(difference, [before, after]);
      io.stdout.write(show === undefined ? `${JSON.stringify(data)}\n` : show(data));
    }
    return 0;
  },
});
