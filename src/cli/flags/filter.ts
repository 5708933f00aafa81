import { BerthError } from "../../base/errors.ts";
import type { Flag, FlagOptions } from "./flag.ts";
import { list } from "./kinds.ts";

/** One `--filter name=value`. */
export interface Filter {
  readonly name: string;
  readonly value: string;
}

/** A `--filter` flag. */
export function filters(description: string, options: FlagOptions = {}): Flag<readonly Filter[]> {
  return list(description, { valueName: "filter", read: parseFilter, ...options });
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
  const asked = given.map(({ name, value }) => ({
    group: name === "label" ? `label=${value}` : name,
    holds: questionOf(known, name)(value),
  }));
  const groups = [...Map.groupBy(asked, ({ group }) => group).values()];
  return subjects.filter((subject) => groups.every((group) => group.some(({ holds }) => holds(subject))));
}

function questionOf<Subject>(known: Readonly<Record<string, Question<Subject>>>, name: string): Question<Subject> {
  const question = Object.hasOwn(known, name) ? known[name] : undefined;
  if (question !== undefined) return question;
  throw new BerthError("invalid-argument", `invalid filter '${name}'`, {
    hint: `The filters are ${Object.keys(known).join(", ")}.`,
  });
}

/** A filter on labels, `name` or `name=value`. */
export function hasLabel(labels: Readonly<Record<string, string>> | undefined, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  const name = equals < 0 ? wanted : wanted.slice(0, equals);
  const value = labels?.[name];
  return value !== undefined && (equals < 0 || value === wanted.slice(equals + 1));
}
