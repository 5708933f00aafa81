import { isKind } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { readConfigFile } from "../config-file.ts";
import { type Filter, filters } from "../flags/filter.ts";
import { bool, integer, text } from "../flags/kinds.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows } from "../format/listing.ts";
import { filterContainers } from "../list/container-filters.ts";
import { type ContainerRow, containerListing } from "../list/container-row.ts";

interface PsValues {
  readonly all: boolean;
  readonly filter: readonly Filter[];
  readonly format: string | undefined;
  readonly last: number | undefined;
  readonly latest: boolean;
  readonly "no-trunc": boolean;
  readonly quiet: boolean;
  readonly size: boolean;
}

/** `berth ps` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    all: bool("Show all containers (default shows just running)", { short: "a" }),
    filter: filters("Filter output based on conditions provided", { short: "f" }),
    format: text(formatHelp),
    last: integer("Show n last created containers (includes all states)", { short: "n", shownDefault: "-1" }),
    latest: bool("Show the latest created container (includes all states)", { short: "l" }),
    "no-trunc": bool("Don't truncate output"),
    quiet: bool("Only display container IDs", { short: "q" }),
    size: bool("Display total file sizes", { short: "s" }),
  },
  onFullDisk: true,
  examples: ["ps", "ps -aq", "ps -a --filter status=exited --format '{{.Names}}'"],
  run: listContainers,
});

/** A template that shows sizes, which are measured for no other. */
const usesSize = /\.Size\b|\{\{ *json +\. *\}\}/;

async function listContainers({ values, given, io, engine }: Call<PsValues>): Promise<number> {
  const { all, filter, last = -1, quiet, format = readConfigFile(io.env).psFormat ?? "table" } = values;
  if (quiet && values.format !== undefined) {
    io.stderr.write("WARNING: Ignoring custom format, because both --format and --quiet are set.\n");
  }
  const opened = await engine();
  const limit = values.latest && last === -1 ? 1 : last;
  const shown = await filterContainers(opened, { given: filter, all, last: limit > 0 ? limit : undefined });
  const sized = values.size || (!given.has("size") && !quiet && usesSize.test(format));
  const meaning = meaningOf(opened);
  const now = Date.now();
  const rows: ContainerRow[] = [];
  for (const container of shown) {
    const size = sized ? { size: await opened.containers.size(container.id) } : {};
    const found = meaning(container.request.image);
    // Of an image that is still on its way the name means nothing yet.
    const meant = found === "" && container.coming !== undefined ? undefined : found;
    rows.push({ container, meant, whole: values["no-trunc"], now, ...size });
  }
  io.stdout.write(formatRows(listingOf(values.size), rows, quiet ? "{{.ID}}" : format));
  return 0;
}

function listingOf(size: boolean): typeof containerListing {
  if (!size) return containerListing;
  return {
    ...containerListing,
    table: [...containerListing.table, "Size"],
    raw: `${containerListing.raw}size: {{.Size}}\n`,
  };
}

/** What images' names mean now; each is looked up once. */
function meaningOf({ images }: Engine): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    const found = known.get(name) ?? idOf(images, name);
    known.set(name, found);
    return found;
  };
}

/** The ID of an image; an empty text when there is none. */
function idOf(images: Engine["images"], name: string): string {
  try {
    return images.resolve(name);
  } catch (error) {
    if (isKind(error, "not-found") || isKind(error, "invalid-argument") || isKind(error, "conflict")) return "";
    throw error;
  }
}
