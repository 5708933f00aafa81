import { type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows } from "../format/listing.ts";
import { historyListing } from "../list/history-row.ts";

/** `berth history` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE",
  arity: { min: 1, max: 1 },
  flags: {
    ...notYet({ withValue: ["platform"] }),
    format: text(formatHelp),
    human: bool("Print sizes and dates in human readable format", { short: "H", on: true }),
    "no-trunc": bool("Don't truncate output"),
    quiet: bool("Only show image IDs", { short: "q" }),
  },
  examples: ["history debian", "history --no-trunc --format '{{.CreatedBy}}' debian"],
  run: async ({ values, args: [name = ""], io, engine }) => {
    const lines = (await engine()).images.history(name);
    const { human, quiet, format } = values;
    const now = Date.now();
    const rows = lines.map((line) => ({ line, whole: values["no-trunc"], human, now }));
    io.stdout.write(formatRows(historyListing(human), rows, quiet ? "{{.ID}}" : format));
    return 0;
  },
});
