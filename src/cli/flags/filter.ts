import { BerthError } from "../../base/errors.ts";
import type { Flag, FlagOptions } from "./flag.ts";
import { quote } from "./go-values.ts";
import { list } from "./kinds.ts";
import { parseMoment } from "./moment.ts";

/** One `--filter name=value`. */
export interface Filter {
  readonly name: string;
  readonly value: string;
}

/** A `--filter` flag. */
export function filters(description: string, options: FlagOptions = {}): Flag<readonly Filter[]> {
  const { read, ...flag } = list(description, { valueName: "filter", read: parseFilter, ...options });
  // An empty one is none, as in Docker.
  return { ...flag, read: (given, before) => (given === "" ? before : read(given, before)) };
}

function parseFilter(text: string): Filter {
  const equals = text.indexOf("=");
  if (equals < 0) throw new Error("bad format of filter (expected name=value)");
  return { name: text.slice(0, equals).trim().toLowerCase(), value: text.slice(equals + 1).trim() };
}

/** Makes of a filter's value the question whether a subject has it. @throws {BerthError} when the value can't be one */
export type Question<Subject> = (value: string) => (subject: Subject) => boolean;

/**
 * Those that fit: filters of one name are alternatives, those of different names must all hold; labels must all hold.
 *
 * @throws {BerthError} invalid-argument, in Docker's words, for a filter that isn't known
 */
export function applyFilters<Subject>(
  subjects: readonly Subject[],
  given: readonly Filter[],
  known: Readonly<Record<string, Question<Subject>>>,
): readonly Subject[] {
  requireKnown(given, Object.keys(known));
  const groups = [
    ...Map.groupBy(
      given.flatMap((filter) => askedBy(filter, known)),
      ({ group }) => group,
    ).values(),
  ];
  return subjects.filter((subject) => groups.every((group) => group.some(({ holds }) => holds(subject))));
}

/** Filters that must all hold, where others of one name are alternatives. */
const conjunctive = ["label", "label!", "before", "since", "until"];

function askedBy<Subject>(
  { name, value }: Filter,
  known: Readonly<Record<string, Question<Subject>>>,
): readonly { readonly group: string; readonly holds: (subject: Subject) => boolean }[] {
  const question = known[name];
  if (question === undefined) return [];
  return [{ group: conjunctive.includes(name) ? `${name}=${value}` : name, holds: question(value) }];
}

/** @throws {BerthError} invalid-argument, in Docker's words, for a filter of another name */
export function requireKnown(given: readonly Filter[], known: readonly string[]): void {
  const strange = given.find(({ name }) => !known.includes(name));
  if (strange === undefined) return;
  const named = strange.name === "" ? "" : ` '${strange.name}'`;
  throw new BerthError("invalid-argument", `invalid filter${named}`, {
    hint: `The filters are ${known.join(", ")}.`,
  });
}

/** A filter on labels, `name` or `name=value`. */
export function hasLabel(labels: Readonly<Record<string, string>> | undefined, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  const name = equals < 0 ? wanted : wanted.slice(0, equals);
  const value = labels?.[name];
  return value !== undefined && (equals < 0 || value === wanted.slice(equals + 1));
}

/** What a filter that is on or off says; `initial` where it isn't given. @throws {BerthError} invalid-argument, also when it says both */
export function switchOf(given: readonly Filter[], name: string, initial: boolean): boolean {
  const values = given.filter((filter) => filter.name === name).map(({ value }) => value);
  if (values.length === 0) return initial;
  const on = values.some((value) => value === "1" || value === "true");
  const off = values.some((value) => value === "0" || value === "false");
  if (on === off) throw new BerthError("invalid-argument", `invalid filter '${name}=[${values.join(" ")}]'`);
  return on;
}

/** The moment that `until` says, milliseconds since the epoch; undefined where it isn't given. @throws {BerthError} invalid-argument, in Docker's words */
export function untilOf(given: readonly Filter[]): number | undefined {
  const [first, second] = given.filter(({ name }) => name === "until");
  if (second !== undefined) throw new BerthError("invalid-argument", "more than one until filter specified");
  return first === undefined ? undefined : momentOf(first.value);
}

/** A moment as a filter has it. @throws {BerthError} invalid-argument, in Docker's words */
export function momentOf(text: string): number {
  const moment = parseMoment(text);
  if (moment !== undefined) return moment;
  throw new BerthError("invalid-argument", `failed to parse value as time or duration: ${quote(text)}`);
}
