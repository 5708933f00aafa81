import { ArgumentError, type Callable } from "../eval/scope.ts";
import { bool } from "../value/value.ts";
import { define, param, textOf } from "./define.ts";

interface Version {
  readonly numbers: readonly [number, number, number];
  readonly prerelease: string;
  /** How many of the numbers were given; a wildcard isn't. */
  readonly given: number;
}

const version = /^v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-([\w.-]+))?(?:\+[\w.-]+)?$/;

function parseVersion(text: string): Version | undefined {
  const found = version.exec(text.trim());
  if (found === null) return undefined;
  const parts = found.slice(1, 4).map((part) => (part === undefined || /[xX*]/.test(part) ? undefined : Number(part)));
  const firstOpen = parts.indexOf(undefined);
  const [major = 0, minor = 0, patch = 0] = parts;
  return { numbers: [major, minor, patch], prerelease: found[4] ?? "", given: firstOpen < 0 ? 3 : firstOpen };
}

function compare(a: Version, b: Version): number {
  for (const [index, number] of a.numbers.entries()) {
    const other = b.numbers[index] ?? 0;
    if (number !== other) return number - other;
  }
  if (a.prerelease === b.prerelease) return 0;
  if (a.prerelease === "") return 1;
  return b.prerelease === "" ? -1 : comparePrerelease(a.prerelease.split("."), b.prerelease.split("."));
}

/** Semantic Versioning 2.0.0, section 11.4 */
function comparePrerelease(a: readonly string[], b: readonly string[]): number {
  for (const [index, part] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    if (part === other) continue;
    const [first, second] = [/^\d+$/.test(part), /^\d+$/.test(other)];
    if (first && second) return Number(part) - Number(other);
    if (first !== second) return first ? -1 : 1;
    return part < other ? -1 : 1;
  }
  return a.length - b.length;
}

/** The first version behind those that `given` leaves open, the last `kept` numbers being fixed. */
function behind({ numbers: [major, minor, patch] }: Version, kept: number): Version {
  const numbers: Version["numbers"] =
    kept === 0
      ? [Number.POSITIVE_INFINITY, 0, 0]
      : kept === 1
        ? [major + 1, 0, 0]
        : kept === 2
          ? [major, minor + 1, 0]
          : [major, minor, patch + 1];
  return { numbers, prerelease: "", given: 3 };
}

/** How many numbers `^` keeps: up to the first that isn't zero. */
function caret({ numbers, given }: Version): number {
  const first = numbers.findIndex((number) => number !== 0);
  return Math.min(given, first < 0 ? 3 : first + 1);
}

function holds(actual: Version, operator: string, wanted: Version): boolean {
  const from = (kept: number): boolean => compare(actual, wanted) >= 0 && compare(actual, behind(wanted, kept)) < 0;
  // A prerelease is only what somebody asks for who names one.
  if (actual.prerelease !== "" && wanted.prerelease === "" && operator !== "!=") return false;
  switch (operator) {
    case "":
    case "=":
      return from(wanted.given);
    case "!=":
      return !from(wanted.given);
    case ">":
      return wanted.given < 3 ? compare(actual, behind(wanted, wanted.given)) >= 0 : compare(actual, wanted) > 0;
    case ">=":
    case "=>":
      return compare(actual, wanted) >= 0;
    case "<":
      return compare(actual, wanted) < 0;
    case "<=":
    case "=<":
      return wanted.given < 3 ? compare(actual, behind(wanted, wanted.given)) < 0 : compare(actual, wanted) <= 0;
    case "~":
    case "~>":
      return from(Math.min(2, wanted.given));
    default:
      return from(caret(wanted));
  }
}

const constraint = /(!=|>=|=>|<=|=<|~>|[=<>~^])?\s*([^\s,|<>=!~^]+)/y;

function satisfies(actual: Version, given: string): boolean {
  return given.split("||").some((alternative) => allHold(actual, expandHyphens(alternative.trim()), given));
}

/** `1.2 - 2` is both bounds. */
function expandHyphens(given: string): string {
  return given.replaceAll(/(\S+)\s+-\s+(\S+)/g, ">=$1 <=$2");
}

function allHold(actual: Version, given: string, whole: string): boolean {
  let all = true;
  for (let at = 0; at < given.length; ) {
    constraint.lastIndex = at;
    const found = constraint.exec(given);
    const wanted = parseVersion(found?.[2] ?? "");
    if (found === null || wanted === undefined) throw new Error(`improper constraint: ${whole}`);
    all &&= holds(actual, found[1] ?? "", wanted);
    at = constraint.lastIndex;
    at += /^[\s,]*/.exec(given.slice(at))?.[0].length ?? 0;
  }
  return all;
}

/** `semvercmp`: whether a version satisfies a constraint. @see Masterminds/semver */
export const semverFunctions: Readonly<Record<string, Callable>> = {
  semvercmp: define({
    params: [param("version", "string"), param("contraint", "string")],
    run: ([given, wanted]) => {
      const actual = parseVersion(textOf(given));
      if (actual === undefined || /[*xX]/.test(textOf(given).split("-")[0] ?? ""))
        throw new ArgumentError(0, "invalid semantic version", "version");
      return bool(satisfies(actual, textOf(wanted)));
    },
  }),
};
