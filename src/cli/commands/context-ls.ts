import { basename } from "node:path";
import { humanSize } from "../../base/human-size.ts";
import type { ContextEntry, ContextVerdict } from "../../build/context-listing.ts";
import { type Command, defineCommand } from "../command.ts";
import { text } from "../flags/kinds.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows, type Listing } from "../format/listing.ts";
import { printable } from "../format/printable.ts";

/** `berth context ls` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [PATH]",
  arity: { min: 0, max: 1 },
  flags: {
    file: text('Name of the Dockerfile, whose own ignore file counts (Default is "PATH/Dockerfile")', { short: "f" }),
    format: text(formatHelp),
    why: text("Name the line of the ignore file that decides about a path"),
  },
  onFullDisk: true,
  examples: ["context ls", "context ls --why node_modules/left-pad .", "context ls -f docker/Dockerfile ../app"],
  run: async ({ values: { file, format, why }, args: [path = "."], io }) => {
    const { listContext } = await import("../../build/context-listing.ts");
    const context = listContext(path, file);
    if (why !== undefined) {
      io.stdout.write(`${verdictText(context.why(why), context.ignoreFile)}\n`);
      return 0;
    }
    const entries = [...context.entries()];
    io.stdout.write(formatRows(listing, entries, format));
    if (format === undefined) io.stderr.write(`${summaryOf(entries)}\n`);
    return 0;
  },
});

const listing: Listing<ContextEntry> = {
  type: "*formatter.buildContext",
  table: ["Size", "Path"],
  columns: {
    Path: { heading: "PATH", text: ({ path, kind }) => printable(kind === "dir" ? `${path}/` : path) },
    Size: { heading: "SIZE", text: ({ size, kind }) => (kind === "file" ? humanSize(size) : "") },
    Type: { heading: "TYPE", text: ({ kind }) => kind },
  },
};

function summaryOf(entries: readonly ContextEntry[]): string {
  const directories = entries.filter(({ kind }) => kind === "dir").length;
  const files = entries.length - directories;
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  return `${files} file${files === 1 ? "" : "s"}, ${directories} director${directories === 1 ? "y" : "ies"}, ${humanSize(bytes)}`;
}

/** One sentence. */
function verdictText(verdict: ContextVerdict, ignoreFile: string | undefined): string {
  const { excluded, line, inPart } = verdict;
  const path = `${printable(verdict.path)}${verdict.exists ? "" : ", which isn't there,"}`;
  const name = ignoreFile === undefined ? "" : basename(ignoreFile);
  if (line === undefined)
    return `${path} is sent: ${ignoreFile === undefined ? "there is no ignore file" : `no line of ${name} is about it`}`;
  const rule = `line ${line.number} of ${name}: ${printable(line.text)}`;
  if (!excluded) return `${path} is sent by ${rule}`;
  return `${path} is left out${inPart ? ", but for what later lines bring back below it," : ""} by ${rule}`;
}
