import { parsePlatform } from "../../oci/platform.ts";
import { type Command, defineCommand } from "../command.ts";
import { bool, text, value } from "../flags/kinds.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows } from "../format/listing.ts";
import { historyListing } from "../list/history-row.ts";
import { requirePlatform } from "./require-platform.ts";

/** `berth history` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE",
  arity: { min: 1, max: 1 },
  flags: {
    format: text(formatHelp),
    human: bool("Print sizes and dates in human readable format", { short: "H", on: true }),
    "no-trunc": bool("Don't truncate output"),
    platform: value("Show history for the given platform: os[/arch[/variant]]", parsePlatform),
    quiet: bool("Only show image IDs", { short: "q" }),
  },
  examples: ["history debian", "history --no-trunc --format '{{.CreatedBy}}' debian"],
  run: async ({ values, args: [name = ""], io, engine }) => {
    const opened = await engine();
    const { human, quiet, format = "table", platform } = values;
    if (platform !== undefined) requirePlatform(opened, name, platform);
    const lines = opened.images.history(name);
    const now = Date.now();
    const rows = lines.map((line) => ({ line, whole: values["no-trunc"], human, now }));
    io.stdout.write(formatRows(historyListing(human), rows, quiet && format === "table" ? "{{.ID}}" : format));
    return 0;
  },
});
