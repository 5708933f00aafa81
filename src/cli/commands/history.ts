import { type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows } from "../format/listing.ts";
import { historyListing, wasteText } from "../list/history-row.ts";
import { readPlatform } from "../request/platforms.ts";
import { interruptible } from "../terminal/interrupt.ts";

/** `berth history` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] IMAGE",
  arity: { min: 1, max: 1 },
  flags: {
    format: text(formatHelp),
    human: bool("Print sizes and dates in human readable format", { short: "H", on: true }),
    "no-trunc": bool("Don't truncate output"),
    platform: text("Show history for the given platform: os[/arch[/variant]]"),
    quiet: bool("Only show image IDs", { short: "q" }),
    waste: bool("Show the bytes of each row that later layers replace or delete, and their sum"),
  },
  onFullDisk: true,
  examples: ["history debian", "history --no-trunc --format '{{.CreatedBy}}' debian", "history --waste app"],
  run: async ({ values, args: [name = ""], io, engine }) => {
    const { human, quiet, format = "table", platform: given = "" } = values;
    const platform = given === "" ? undefined : readPlatform(given);
    const opened = await engine();
    // A format of the user's own that names the field wants it too.
    const waste = values.waste || format.includes(".Wasted");
    using interrupt = interruptible(io);
    const { images } = opened;
    const image = platform === undefined ? name : images.get(name, platform).id;
    const lines = waste ? await images.wasteHistory(image, { signal: interrupt.signal }) : images.history(image);
    const now = Date.now();
    const rows = lines.map((line) => ({ line, whole: values["no-trunc"], human, now }));
    const shown = quiet && format === "table" ? "{{.ID}}" : format;
    io.stdout.write(formatRows(historyListing(human, waste), rows, shown));
    if (values.waste && shown.startsWith("table")) io.stdout.write(wasteText(rows));
    return 0;
  },
});
