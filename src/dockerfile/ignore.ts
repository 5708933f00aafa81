import { posix } from "node:path";
import { BerthError } from "../base/errors.ts";
import { compilePattern } from "./ignore-pattern.ts";
import { trim } from "./space.ts";

// `.dockerignore`, and the patterns of `--exclude`, which are matched alike.
// @see docs.docker.com/build/concepts/context/#dockerignore-files

/** Tells which paths of a build context are left out. Paths are relative, with `/`, and clean. */
export interface Matcher {
  /** True when `path` is left out, by a pattern for itself or for a directory above it. The root (`.`) never is. */
  excludes(path: string): boolean;
  /** True when something below the left-out directory `dir` may be in nevertheless, by a pattern with `!`. */
  mayHaveExceptionsBelow(dir: string): boolean;
  /** Index of the pattern that decides about `path`; undefined where none applies. */
  decidedBy(path: string): number | undefined;
}

/** A line of an ignore file that is a pattern. */
export interface IgnoreLine {
  /** Cleaned: no leading or trailing `/`, `!` in front of an exception. */
  readonly pattern: string;
  /** Counted from 1. */
  readonly number: number;
  /** As it is written. */
  readonly text: string;
}

/** The patterns of an ignore file, cleaned: no comments, no leading or trailing `/`, `!` in front of an exception. */
export function parseIgnore(text: string): readonly string[] {
  return ignoreLines(text).map(({ pattern }) => pattern);
}

/** The same with the lines that they are on. */
export function ignoreLines(text: string): readonly IgnoreLine[] {
  return text
    .replace(/^\ufeff/, "")
    .split("\n")
    .map((line, index) => ({ line, text: trim(line), number: index + 1 }))
    .filter(({ line, text }) => !line.startsWith("#") && text !== "")
    .map(({ text, number }) => ({ pattern: patternIn(text), number, text }));
}

function patternIn(line: string): string {
  return line.startsWith("!") ? `!${cleanPattern(trim(line.slice(1)))}` : cleanPattern(line);
}

/**
 * Make a matcher of patterns; the last one that applies decides.
 *
 * A pattern that stands for a directory stands for all below it. As BuildKit walks a context from the top, what
 * counts for a directory is what was decided on the way down: an exception that changed nothing for a directory
 * doesn't bring back what a pattern takes out further down.
 *
 * @throws {BerthError} invalid-argument `syntax error in pattern`, or for a pattern that is only `!`
 */
export function openMatcher(patterns: readonly string[]): Matcher {
  const rules = patterns.map(trim).filter(Boolean).map(compileRule);
  const exceptions = rules.filter(({ exception }) => exception);
  const decided = new Map<string, Verdict>();

  const decide = (path: string): Verdict => {
    const known = decided.get(path);
    if (known !== undefined) return known;
    const dir = posix.dirname(path);
    const verdict = judge(rules, path, dir === "." ? undefined : decide(dir));
    if (decided.size >= rememberedPaths) decided.clear();
    decided.set(path, verdict);
    return verdict;
  };

  return {
    excludes: (path) => path !== "." && decide(path).excluded,
    decidedBy: (path) => {
      const last = path === "." ? -1 : decide(path).applied.lastIndexOf(true);
      return last < 0 ? undefined : last;
    },
    mayHaveExceptionsBelow: (dir) =>
      exceptions.some(({ prefix }) => prefix === undefined || `${prefix}/`.startsWith(`${dir}/`)),
  };
}

/** Verdicts kept for the children of a directory and the next question about the same path. */
const rememberedPaths = 10_000;

interface Rule {
  readonly exception: boolean;
  readonly matches: (path: string) => boolean;
  /** The path that the pattern is, but for a wildcard at its end; undefined when it has others. */
  readonly prefix: string | undefined;
}

interface Verdict {
  readonly excluded: boolean;
  /** For each rule, whether it applies to the path, and so to all below. */
  readonly applied: readonly boolean[];
}

function judge(rules: readonly Rule[], path: string, parent: Verdict | undefined): Verdict {
  let excluded = false;
  const applied = rules.map((rule, i) => {
    // A rule that would change nothing isn't asked, and so doesn't apply to what is below either.
    const applies = parent?.applied[i] || (rule.exception === excluded && rule.matches(path));
    if (applies) excluded = !rule.exception;
    return applies;
  });
  return { excluded, applied };
}

function compileRule(text: string): Rule {
  const exception = text.startsWith("!");
  if (text === "!") throw new BerthError("invalid-argument", 'illegal exclusion pattern: "!"');
  const pattern = clean(exception ? text.slice(1) : text);
  const stem = pattern.replace(/\/\*\*?$/, "");
  const prefix = /[*?[\]^\\]/.test(stem) ? undefined : stem;
  return { exception, matches: compilePattern(pattern), prefix };
}

function cleanPattern(pattern: string): string {
  if (pattern === "") return "";
  return clean(pattern).replace(/^\/(?=.)/, "");
}

/** The shortest name of a path, as Go's path.Clean makes it. */
function clean(path: string): string {
  return posix.normalize(path).replace(/(?<=.)\/$/, "");
}

/**
 * Tells whether patterns surely leave out what a `COPY` names, for the rule CopyIgnoredFile. Never where there are exceptions, which
 * may bring back what is below; of the root (`.`) only by a pattern for everything.
 */
export function openSourceMatcher(patterns: readonly string[]): (path: string) => boolean {
  if (patterns.some((pattern) => pattern.startsWith("!"))) return () => false;
  const matcher = openMatcher(patterns);
  const everything = patterns.some((pattern) => ["*", "**", "**/*"].includes(pattern));
  return (path) => (path === "." || path === "/" ? everything : !path.startsWith("/") && matcher.excludes(path));
}
