import { BerthError } from "../../base/errors.ts";
import type { SearchResult } from "../../registry/search.ts";
import { type Call, type Command, defineCommand } from "../command.ts";
import { type Filter, filters, requireKnown, switchOf } from "../flags/filter.ts";
import { bool, integer, text } from "../flags/kinds.ts";
import { formatRows, type Listing } from "../format/listing.ts";
import { remoteOf } from "../remote.ts";
import { interruptible } from "../terminal/interrupt.ts";

interface SearchValues {
  readonly filter: readonly Filter[];
  readonly format: string | undefined;
  readonly limit: number | undefined;
  readonly "no-trunc": boolean;
}

interface SearchRow {
  readonly result: SearchResult;
  readonly whole: boolean;
  /** Texts of JSON differ from those of tables. */
  readonly json: boolean;
}

const listing: Listing<SearchRow> = {
  type: "*registry.searchContext",
  columns: {
    Name: { heading: "NAME", text: ({ result }) => result.name },
    Description: { heading: "DESCRIPTION", text: descriptionOf },
    StarCount: { heading: "STARS", text: ({ result }) => String(result.stars) },
    IsOfficial: { heading: "OFFICIAL", text: officialText },
  },
  table: ["Name", "Description", "StarCount", "IsOfficial"],
};

/** `berth search` */
export const command: Command = defineCommand({
  synopsis: "[OPTIONS] TERM",
  arity: { min: 1, max: 1 },
  flags: {
    filter: filters("Filter output based on conditions provided", { short: "f" }),
    format: text("Pretty-print search using a Go template"),
    limit: integer("Max number of search results"),
    "no-trunc": bool("Don't truncate output"),
  },
  examples: ["search busybox", "search --filter is-official=true --limit 5 postgres"],
  run: search,
});

/** Results when no limit is given, and the most. */
const [usualLimit, mostLimit] = [25, 100];

async function search({ values, args: [term = ""], io }: Call<SearchValues>): Promise<number> {
  const { filter, format, limit: given = 0, "no-trunc": whole } = values;
  if (filter.some(({ name }) => name === "is-automated")) {
    io.stderr.write(
      'WARNING: the "is-automated" filter is deprecated, and searching for "is-automated=true" will not yield any results in future.\n',
    );
  }
  requireKnown(filter, ["is-automated", "is-official", "stars"]);
  const isAutomated = switchOf(filter, "is-automated", false);
  const fits = fitting(filter);
  const limit = given === 0 ? usualLimit : given;
  if (limit < 1 || limit > mostLimit) {
    throw new BerthError("invalid-argument", `limit ${limit} is outside the range of [1, ${mostLimit}]`);
  }
  if (/^https?:\/\//.test(term)) {
    const why = `repository name (${term}) should not have a scheme`;
    throw new BerthError("invalid-argument", `invalid repository name: ${why}`);
  }
  using interrupt = interruptible(io);
  await using lazy = remoteOf(io);
  const { registries } = await lazy.open();
  const { domain, rest } = splitTerm(term);
  const found = isAutomated ? [] : await registries.search(domain, { term: rest, limit }, { signal: interrupt.signal });
  const json = format === "json" || /^\{\{ *json +\. *\}\}$/.test(format ?? "");
  io.stdout.write(
    formatRows(
      listing,
      found.filter(fits).map((result) => ({ result, whole, json })),
      format,
    ),
  );
  return 0;
}

/** A registry's name may stand in front of the words. @see moby daemon/pkg/registry/search.go */
function splitTerm(term: string): { readonly domain: string; readonly rest: string } {
  const slash = term.indexOf("/");
  const first = slash < 0 ? "" : term.slice(0, slash);
  if (!/[.:]/.test(first) && first !== "localhost")
    return { domain: "docker.io", rest: term.replace(/^library\//, "") };
  const isHub = first === "docker.io" || first === "index.docker.io";
  const rest = term.slice(slash + 1);
  return isHub ? { domain: "docker.io", rest: rest.replace(/^library\//, "") } : { domain: first, rest };
}

function fitting(filter: readonly Filter[]): (result: SearchResult) => boolean {
  const official = filter.some(({ name }) => name === "is-official");
  const isOfficial = switchOf(filter, "is-official", false);
  const stars = filter.filter(({ name }) => name === "stars").map(({ value }) => starsIn(value));
  const least = Math.max(0, ...stars);
  return (result) => (!official || result.isOfficial === isOfficial) && result.stars >= least;
}

function starsIn(value: string): number {
  if (/^[+-]?\d+$/.test(value)) return Number(value);
  throw new BerthError("invalid-argument", `invalid filter 'stars=${value}'`);
}

/** Columns of a description that is cut short, the ellipsis included. */
const descriptionWidth = 45;

function descriptionOf({ result: { description }, whole }: SearchRow): string {
  const letters = [...description];
  return whole || letters.length <= descriptionWidth
    ? description
    : `${letters.slice(0, descriptionWidth - 1).join("")}…`;
}

function officialText({ result: { isOfficial }, json }: SearchRow): string {
  if (json) return String(isOfficial);
  return isOfficial ? "[OK]" : "";
}
