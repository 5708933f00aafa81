import { CliError } from "../cli-error.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool, value } from "../flags/kinds.ts";
import { findingsJSON, findingsText } from "../list/findings.ts";
import { interruptible } from "../terminal/interrupt.ts";

/** `berth image lint` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE",
  arity: { min: 1, max: 1 },
  flags: {
    all: bool("Look at the layers of the image that it is made from, too", { short: "a" }),
    format: value('Format output: "text" or "json"', parseFormat, { shownDefault: '"text"' }),
  },
  examples: ["image lint app", "image lint --all --format json app:1"],
  run: async ({ values: { all, format }, args: [image = ""], io, engine }) => {
    using interrupt = interruptible(io);
    const findings = await (await engine()).images.lint(image, { all, signal: interrupt.signal });
    io.stdout.write(format === "json" ? findingsJSON(findings) : findingsText(findings) || "Nothing was found.\n");
    if (findings.length === 0) return 0;
    throw new CliError("", { code: 1 });
  },
});

function parseFormat(text: string): "text" | "json" {
  if (text === "text" || text === "json") return text;
  throw new Error(`it is "text" or "json"`);
}
