import { type Command, defineCommand } from "../command.ts";
import { bool, list, text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows } from "../format/listing.ts";
import { filterBuilds } from "../list/build-filters.ts";
import { buildJSON, buildListing } from "../list/build-row.ts";

/** `berth builds` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    ...notYet({ withValue: [], alone: ["local"] }),
    filter: list('Provide filter values (e.g., "status=error")', { short: "f", valueName: "stringArray" }),
    format: text(formatHelp),
    "no-trunc": bool("Don't truncate output"),
    quiet: bool("Only display build IDs", { short: "q" }),
  },
  onFullDisk: true,
  examples: [
    "builds",
    "builds --filter status=error --filter 'startedAt>24h'",
    "builds --format '{{.Name}} {{.Duration}}'",
  ],
  run: async ({ values: { filter, format, "no-trunc": whole, quiet }, io, engine }) => {
    const builds = filterBuilds(await (await engine()).builds.list(), filter);
    if (format === "json") {
      io.stdout.write(builds.map((build) => `${JSON.stringify(buildJSON(build))}\n`).join(""));
      return 0;
    }
    const now = Date.now();
    const rows = builds.map((build) => ({ build, whole, now }));
    io.stdout.write(formatRows(buildListing, rows, quiet ? "{{.Ref}}" : format));
    return 0;
  },
});
