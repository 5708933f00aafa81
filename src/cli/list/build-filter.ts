import { CliError } from "../cli-error.ts";
import type { Filter } from "../flags/filter.ts";
import { quote } from "../flags/go-values.ts";
import { parseMoment } from "../flags/moment.ts";
import type { DiskUsage } from "./usage-rows.ts";

type Build = DiskUsage["builds"][number];

/** What a filter that takes a text compares. */
const texts: Readonly<Record<string, (build: Build) => string>> = {
  id: ({ id }) => id,
  description: ({ description }) => description,
  type: ({ type }) => type,
};

/** What a filter is true or false of. Records aren't in use while nobody builds; only cache mounts change. */
const switches: Readonly<Record<string, (build: Build) => boolean>> = {
  shared: ({ shared }) => shared,
  private: ({ shared }) => !shared,
  inuse: () => false,
  mutable: ({ type }) => type === "exec.cachemount",
  immutable: ({ type }) => type !== "exec.cachemount",
};

/**
 * What fits all filters: `until` and `unused-for` what wasn't used since, a name with `~` what has the text in it, one with `!` what
 * is something else. An `id` needs only a part, as in buildx.
 *
 * @throws {CliError} as buildx prints errors, for a filter that isn't known: to buildx it is one that nothing fits
 */
export function buildFilter(given: readonly Filter[]): (build: Build) => boolean {
  const asked = given.map(questionOf);
  return (build) => asked.every((holds) => holds(build));
}

function questionOf({ name, value }: Filter): (build: Build) => boolean {
  if (name === "until" || name === "unused-for") {
    const moment = parseMoment(value);
    if (moment === undefined) throw noDuration(name, value);
    return ({ used }) => Date.parse(used) < moment;
  }
  const [, plain = "", sign = ""] = /^(.*?)([~!]?)$/.exec(name) ?? [];
  const isNot = sign === "!";
  const text = Object.hasOwn(texts, plain) ? texts[plain] : undefined;
  if (text !== undefined) {
    const inPart = sign === "~" || (plain === "id" && !isNot);
    return (build) => (inPart ? text(build).includes(value) : (text(build) === value) !== isNot);
  }
  const is = Object.hasOwn(switches, plain) && sign !== "~" ? switches[plain] : undefined;
  if (is === undefined) throw unknownFilter(name);
  if (!["true", "false", "1", "0"].includes(value)) throw wrongValue(name, value);
  const wanted = (value === "true" || value === "1") !== isNot;
  return (build) => is(build) === wanted;
}

function noDuration(name: string, value: string): CliError {
  const what = `${quote(name)} filter expects a duration (e.g., '24h'): time: invalid duration ${quote(value)}`;
  return new CliError(`ERROR: ${what}`);
}

function unknownFilter(name: string): CliError {
  return new CliError(`ERROR: invalid filter '${name}'`, {
    hint: `The filters are until, unused-for, ${[...Object.keys(texts), ...Object.keys(switches)].join(", ")}.`,
  });
}

function wrongValue(name: string, value: string): CliError {
  return new CliError(`ERROR: invalid filter '${name}=${value}'`, {
    hint: `${quote(name)} is true or false.`,
  });
}
