import { type Call, type Command, defineCommand } from "../command.ts";
import { builderFlags } from "../flags/builder.ts";
import { type Filter, filters } from "../flags/filter.ts";
import { bool, text } from "../flags/kinds.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows } from "../format/listing.ts";
import { buildFilter } from "../list/build-filter.ts";
import { builderListing, prettyRecord, spaceSummary } from "../list/builder-rows.ts";

interface DuValues {
  readonly filter: readonly Filter[];
  readonly format: string | undefined;
  readonly verbose: boolean;
}

/** `berth builder du` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    ...builderFlags,
    filter: filters('Provide filter values (e.g. "type=exec.cachemount", "until=24h")'),
    format: text(formatHelp),
    verbose: bool('Shorthand for "--format=pretty"'),
  },
  onFullDisk: true,
  examples: ["builder du", "builder du --filter type=exec.cachemount", "builder du --format json"],
  run: async ({ values: { filter, format = "table", verbose }, io, engine }: Call<DuValues>) => {
    const fits = buildFilter(filter);
    const builds = (await (await engine()).buildUsage()).filter(fits);
    const now = Date.now();
    const rows = builds.map((build) => ({ build, now, inTable: format.startsWith("table") }));
    const isPretty = verbose || format === "pretty";
    io.stdout.write(isPretty ? rows.map(prettyRecord).join("\n") : formatRows(builderListing, rows, format));
    const hasSummary = filter.length === 0 && (isPretty || format === "table");
    if (hasSummary) io.stdout.write(`${isPretty && rows.length > 0 ? "\n" : ""}${spaceSummary(builds)}`);
    return 0;
  },
});
