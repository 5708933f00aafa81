import { humanSize } from "../../base/human-size.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { bool, text } from "../flags/kinds.ts";
import { formatHelp } from "../format/format-help.ts";
import { contextsOf, formatOnce, formatRows, type Listing, textsOf } from "../format/listing.ts";
import { type ContainerRow, containerListing } from "../list/container-row.ts";
import { type ImageRow, imageListing, imageRows } from "../list/image-row.ts";
import { ownersTable } from "../list/owners-table.ts";
import {
  type BuildRow,
  buildListing,
  type DiskUsage,
  usageListing,
  usageRows,
  volumeListing,
} from "../list/usage-rows.ts";

interface DfValues {
  readonly all: boolean;
  readonly format: string | undefined;
  readonly verbose: boolean;
}

/** `berth system df` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS]",
  arity: { min: 0, max: 0 },
  flags: {
    all: bool("Show every owner of files below the root, and their sum"),
    format: text(formatHelp),
    verbose: bool("Show detailed information on space usage", { short: "v" }),
  },
  onFullDisk: true,
  examples: ["system df", "system df -v"],
  run: async ({ values: { all, format = "table", verbose }, io, engine }: Call<DfValues>) => {
    if (all) {
      io.stdout.write(ownersTable(await (await engine()).owners()));
      return 0;
    }
    const usage = await (await engine()).usage();
    const isTable = format === "table" || format === "";
    if (!verbose) io.stdout.write(formatRows(usageListing, usageRows(usage), format));
    else if (isTable) io.stdout.write(sections(detailsOf(usage, false)));
    else io.stdout.write(filled(format, detailsOf(usage, true)));
    return 0;
  },
});

interface Details {
  readonly images: readonly ImageRow[];
  readonly containers: readonly ContainerRow[];
  readonly volumes: DiskUsage["volumes"];
  readonly builds: readonly BuildRow[];
}

function detailsOf(usage: DiskUsage, whole: boolean): Details {
  const now = Date.now();
  return {
    images: usage.images.flatMap(({ image, shared, containers }) => {
      const [first] = imageRows(image, { whole, now });
      return first === undefined ? [] : [{ ...first, digest: "", shared, containers }];
    }),
    containers: usage.containers.map(({ container, size }) => ({
      container,
      whole,
      now,
      // As in Docker, without what the image takes.
      size: { rw: size, rootFs: 0 },
    })),
    volumes: usage.volumes,
    builds: usage.builds.map((build) => ({ build, whole, now })),
  };
}

const imageTable = ["Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"];
const containerTable = ["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"];

function sections({ images, containers, volumes, builds }: Details): string {
  const total = builds.reduce((sum, { build }) => sum + (build.shared ? 0 : build.size), 0);
  return [
    `Images space usage:\n\n${formatRows({ ...imageListing, table: imageTable }, images)}`,
    `Containers space usage:\n\n${formatRows({ ...containerListing, table: containerTable }, containers)}`,
    `Local Volumes space usage:\n\n${formatRows(volumeListing, volumes)}`,
    `Build cache usage: ${humanSize(total)}\n\n${formatRows(buildListing, builds)}`,
  ].join("\n");
}

/** Everything at once by one template. */
function filled(format: string, { images, containers, volumes, builds }: Details): string {
  const isJSON = format === "json" || /^\{\{ *json +\. *\}\}$/.test(format);
  const source = isJSON ? "{{json .}}" : format === "raw" ? rawSections() : format;
  const all = <Row>(listing: Listing<Row>, rows: readonly Row[]): readonly object[] =>
    rows.map(isJSON ? (row) => textsOf(listing, row) : contextsOf(listing));
  const data = {
    Images: all(imageListing, images),
    Containers: all(containerListing, containers),
    Volumes: all(volumeListing, volumes),
    BuildCache: all(buildListing, builds),
  };
  return formatOnce(source, { type: "*formatter.diskUsageContext", data });
}

/** The template that `--format raw` stands for. */
function rawSections(): string {
  const section = (name: string, type: string, raw: string = ""): string =>
    `{{range .${name}}}type: ${type}\n${raw}\n{{end -}}\n`;
  return [
    section("Images", "Image", imageListing.raw?.replace("tag: {{.Tag}}\n", "$&digest: {{.Digest}}\n")),
    section("Containers", "Container", `${containerListing.raw}size: {{.Size}}\n`),
    section("Volumes", "Volume", "name: {{.Name}}\ndriver: {{.Driver}}\n"),
    section("BuildCache", "Build Cache", buildListing.raw),
  ]
    .join("")
    .trimEnd();
}
