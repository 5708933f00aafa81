import { BerthError } from "../../base/errors.ts";
import type { BuildSummary } from "../engine-types.ts";
import { parseDuration } from "../flags/go-values.ts";
import { parseMoment } from "../flags/moment.ts";

/** One `--filter` of `builds`: a field, how it compares, and with what. */
interface BuildFilter {
  readonly name: string;
  readonly sign: string;
  readonly value: string;
}

const texts: Readonly<Record<string, (build: BuildSummary) => readonly string[]>> = {
  ref: ({ id }) => [id],
  name: ({ name }) => [name],
  status: ({ status }) => [status],
  tag: ({ tags }) => tags,
  target: ({ target = "" }) => [target],
};

const numbers: Readonly<Record<string, (build: BuildSummary) => number>> = {
  startedAt: ({ started }) => started,
  completedAt: ({ started, duration }) => started + duration,
  duration: ({ duration }) => duration,
};

/**
 * Those that fit all filters, in buildx's forms: `status=error`, `name!=app`, `duration>30s`, `startedAt<24h`. `success` means completed.
 *
 * @throws {BerthError} invalid-argument, in the words of buildx
 */
export function filterBuilds(builds: readonly BuildSummary[], given: readonly string[]): readonly BuildSummary[] {
  const tests = given.map((text) => testOf(parse(text), text));
  return builds.filter((build) => tests.every((holds) => holds(build)));
}

function parse(text: string): BuildFilter {
  const [, name = "", sign = "", value = ""] = /^(.*?)(!=|<=|>=|=|<|>)(.*)$/s.exec(text) ?? [];
  if (sign === "") throw invalid(`invalid filter ${JSON.stringify(text)}`);
  return { name, sign, value };
}

function testOf({ name, sign, value }: BuildFilter, text: string): (build: BuildSummary) => boolean {
  const isEquality = sign === "=" || sign === "!=";
  const words = Object.hasOwn(texts, name) ? texts[name] : undefined;
  if (words !== undefined) {
    if (!isEquality) throw invalid(`invalid separator for ${JSON.stringify(text)}, expected = or !=`);
    const wanted = name === "status" && value === "success" ? "completed" : value;
    const fits = (word: string): boolean => (name === "status" ? word === wanted : word.includes(wanted));
    return (build) => words(build).some(fits) === (sign === "=");
  }
  const figure = Object.hasOwn(numbers, name) ? numbers[name] : undefined;
  if (figure === undefined)
    throw invalid(`unsupported filter ${JSON.stringify(text)}`, [...Object.keys(texts), ...Object.keys(numbers)]);
  if (isEquality) throw invalid(`invalid separator for ${JSON.stringify(text)}, expected <=, <, >= or >`);
  const limit = name === "duration" ? parseDuration(value) : parseMoment(value);
  if (limit === undefined) throw invalid(`invalid ${name === "duration" ? "duration" : "time"} ${value}`);
  return (build) => compare(figure(build), sign, limit);
}

function compare(figure: number, sign: string, limit: number): boolean {
  if (sign.startsWith("<")) return figure < limit || (sign === "<=" && figure === limit);
  return figure > limit || (sign === ">=" && figure === limit);
}

function invalid(message: string, known: readonly string[] = []): BerthError {
  return new BerthError("invalid-argument", message, {
    ...(known.length === 0 ? {} : { hint: `The filters are ${known.join(", ")}.` }),
  });
}
