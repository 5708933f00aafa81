import { matchesGlob } from "node:path";
import { BerthError } from "../../base/errors.ts";
import type { Engine } from "../../engine/engine.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import type { Image } from "../engine-types.ts";
import { applyFilters, type Filter, filters, hasLabel, type Question } from "../flags/filter.ts";
import { parseBool } from "../flags/go-values.ts";
import { bool, text } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { formatHelp } from "../format/format-help.ts";
import { formatRows } from "../format/listing.ts";
import { imageListing, imageRows, splitName } from "../list/image-row.ts";

interface ImagesValues {
  readonly all: boolean;
  readonly digests: boolean;
  readonly filter: readonly Filter[];
  readonly format: string | undefined;
  readonly "no-trunc": boolean;
  readonly quiet: boolean;
}

/** `berth images` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] [REPOSITORY[:TAG]]",
  arity: { min: 0, max: 1 },
  flags: {
    ...notYet({ withValue: [], alone: ["tree"] }),
    all: bool("Show all images (default hides intermediate images)", { short: "a" }),
    digests: bool("Show digests"),
    filter: filters("Filter output based on conditions provided", { short: "f" }),
    format: text(formatHelp),
    "no-trunc": bool("Don't truncate output"),
    quiet: bool("Only show image IDs", { short: "q" }),
  },
  examples: ["images", "image ls -q debian", "images --filter dangling=true"],
  run: listImages,
});

async function listImages({ values, args: [pattern], io, engine }: Call<ImagesValues>): Promise<number> {
  const { images } = await engine();
  const all = images.list();
  const given = pattern === undefined ? values.filter : [...values.filter, { name: "reference", value: pattern }];
  const parents = new Set(all.map(({ parent }) => parent));
  const fitting = applyFilters(all, given, questions(images, parents)).filter(
    ({ id, references }) => values.all || references.length > 0 || !parents.has(id),
  );
  const named = given.filter(({ name }) => name === "reference").map(({ value }) => value);
  const now = Date.now();
  const rows = fitting
    .flatMap((image) => imageRows(image, { whole: values["no-trunc"], now }))
    .filter(({ repository, tag }) => named.length === 0 || named.some((each) => matches(`${repository}:${tag}`, each)));
  if (values.quiet) {
    const ids = new Set(rows.map((row) => formatRows(imageListing, [row], "{{.ID}}")));
    io.stdout.write([...ids].join(""));
    return 0;
  }
  const listing = values.digests
    ? { ...imageListing, table: ["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"] }
    : imageListing;
  io.stdout.write(formatRows(listing, rows, values.format));
  return 0;
}

function questions(
  images: Engine["images"],
  parents: ReadonlySet<string | undefined>,
): Readonly<Record<string, Question<Image>>> {
  const created = (name: string): string => images.get(name).config.created ?? "";
  return {
    before: (name) => {
      const moment = created(name);
      return ({ config }) => (config.created ?? "") < moment;
    },
    dangling: (text) => {
      const wanted = dangling(text);
      return ({ id, references }) => (references.length === 0 && !parents.has(id)) === wanted;
    },
    label:
      (label) =>
      ({ config }) =>
        hasLabel(config.config?.Labels, label),
    reference:
      (pattern) =>
      ({ references }) =>
        references.some((reference) => matches(reference, pattern)),
    since: (name) => {
      const moment = created(name);
      return ({ config }) => (config.created ?? "") > moment;
    },
  };
}

/** @throws {BerthError} in Docker's words */
function dangling(value: string): boolean {
  try {
    return parseBool(value);
  } catch (error) {
    throw new BerthError("invalid-argument", `invalid filter 'dangling=[${value}]'`, { cause: error });
  }
}

/** Whether a name fits a pattern with `*` and `?`, which need not say the tag. */
function matches(reference: string, pattern: string): boolean {
  const { repository } = splitName(reference);
  return [reference, repository].some((name) => name === pattern || matchesGlob(name, pattern));
}
