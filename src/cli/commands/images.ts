import type { Engine } from "../../engine/engine.ts";
import { CliError } from "../cli-error.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { readConfigFile } from "../config-file.ts";
import { type Filter, filters } from "../flags/filter.ts";
import { bool, text } from "../flags/kinds.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows, type Listing } from "../format/listing.ts";
import { filterImages } from "../list/image-filters.ts";
import { type ImageRow, imageListing, imageRows } from "../list/image-row.ts";
import { drawImageTree } from "../list/image-tree.ts";

interface ImagesValues {
  readonly all: boolean;
  readonly digests: boolean;
  readonly filter: readonly Filter[];
  readonly format: string | undefined;
  readonly "no-trunc": boolean;
  readonly quiet: boolean;
  readonly tree: boolean;
}

/** `berth images` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [REPOSITORY[:TAG]]",
  arity: { min: 0, max: 1 },
  flags: {
    all: bool("Show all images (default hides intermediate images)", { short: "a" }),
    digests: bool("Show digests"),
    filter: filters("Filter output based on conditions provided", { short: "f" }),
    format: text(formatHelp),
    "no-trunc": bool("Don't truncate output"),
    quiet: bool("Only show image IDs", { short: "q" }),
    tree: bool("List multi-platform images as a tree"),
  },
  onFullDisk: true,
  examples: ["images", "image ls -q debian", "images --filter dangling=true"],
  run: listImages,
});

async function listImages({ values, args: [pattern], io, engine }: Call<ImagesValues>): Promise<number> {
  if (values.tree) refuseBesideTree(values);
  const opened = await engine();
  // An empty pattern is none, as in Docker.
  const given =
    (pattern ?? "") === "" ? values.filter : [...values.filter, { name: "reference", value: pattern ?? "" }];
  const images = filterImages(opened.images, { given, all: values.all });
  if (values.tree) {
    io.stdout.write(await drawImageTree(opened, images));
    return 0;
  }
  const format = values.format ?? (values.quiet ? undefined : readConfigFile(io.env).imagesFormat);
  const digests = values.digests || format?.includes("{{.Digest}}") === true;
  const counted = format !== undefined && /json|\.Containers/.test(format) ? await countContainers(opened) : undefined;
  const shown = { whole: values["no-trunc"], now: Date.now(), digests };
  const rows = images.flatMap((image) =>
    imageRows(image, { ...shown, ...(counted && { containers: counted.get(image.id) ?? 0 }) }),
  );
  io.stdout.write(formatRows(listingOf(values), rows, formatOf(values, format)));
  return 0;
}

/** How many containers each image has that has any, by its ID. */
async function countContainers({ containers }: Engine): Promise<ReadonlyMap<string, number>> {
  const byImage = Map.groupBy(await containers.list(), ({ imageID }) => imageID);
  return new Map([...byImage].map(([id, own]) => [id, own.length]));
}

function listingOf({ digests }: ImagesValues): Listing<ImageRow> {
  if (!digests) return imageListing;
  const raw = imageListing.raw?.replace("tag: {{.Tag}}\n", "$&digest: {{.Digest}}\n") ?? "";
  return { ...imageListing, raw, table: ["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"] };
}

/** What `-q` and `--digests` make of a format: a template of the user's own stays as it is. */
function formatOf({ quiet, digests }: ImagesValues, format: string = "table"): string {
  if (quiet && (format === "table" || format === "")) return "{{.ID}}";
  if (quiet && format === "raw") return "image_id: {{.ID}}";
  const isOwnTable = format.startsWith("table") && format !== "table";
  return isOwnTable && digests && !format.includes("{{.Digest}}") ? `${format}\t{{.Digest}}` : format;
}

/** @throws {CliError} in Docker's words */
function refuseBesideTree({ quiet, digests, format, "no-trunc": whole }: ImagesValues): void {
  const flag = quiet
    ? "quiet"
    : whole
      ? "no-trunc"
      : digests
        ? "show-digest"
        : format === undefined
          ? undefined
          : "format";
  if (flag !== undefined) throw new CliError(`--${flag} is not yet supported with --tree`);
}
