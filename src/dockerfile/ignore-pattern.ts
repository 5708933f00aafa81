import { BerthError } from "../base/errors.ts";
import { type GlobStep, matchesGlob } from "./glob.ts";

// One pattern: `*` and `?` within a name, `[a-z]`, `\` for a literal character, `**` for any number of directories.

/**
 * Compile a clean pattern to a test for whole paths.
 *
 * @throws {BerthError} invalid-argument `syntax error in pattern`
 */
export function compilePattern(pattern: string): (path: string) => boolean {
  const steps = patternSteps(Array.from(pattern));
  if (!/[*?[\]\\]/.test(pattern)) return (path) => path === pattern;
  // At the very start `**` needs no slash behind it: `**.go` is any path that ends so.
  const suffix = /^\*\*(\/?[^*?[\]\\]*)$/.exec(pattern)?.[1];
  if (suffix !== undefined) return (path) => path.endsWith(suffix) || `/${path}` === suffix;
  return (path) => matchesGlob(steps, Array.from(path));
}

const anyButSlash: GlobStep = { takes: (char) => char !== "/" };
const names: GlobStep = { ...anyButSlash, repeats: true };
const anything: GlobStep = { takes: (char) => char !== "\n", repeats: true };
const slash: GlobStep = literal("/");

function literal(char: string): GlobStep {
  return { takes: (other) => other === char };
}

function patternSteps(chars: readonly string[]): readonly GlobStep[] {
  const steps: GlobStep[] = [];
  const reader: Reader = { chars, at: 0 };
  while (reader.at < chars.length) steps.push(...readSteps(reader));
  return steps;
}

interface Reader {
  readonly chars: readonly string[];
  at: number;
}

function readSteps(reader: Reader): readonly GlobStep[] {
  const char = reader.chars[reader.at++] ?? "";
  switch (char) {
    case "*":
      return reader.chars[reader.at] === "*" ? readDirectories(reader) : [names];
    case "?":
      return [anyButSlash];
    case "[":
      return [readClass(reader)];
    case "\\":
      return [literal(readOne(reader))];
    default:
      return [literal(char)];
  }
}

/** The second half of `**`, and the slash behind it: any directories, none included. */
function readDirectories(reader: Reader): readonly GlobStep[] {
  reader.at++;
  if (reader.chars[reader.at] === "/") reader.at++;
  if (reader.at >= reader.chars.length) return [anything];
  return [{ takes: () => false, skips: 3 }, anything, slash];
}

function readClass(reader: Reader): GlobStep {
  const negated = reader.chars[reader.at] === "^";
  if (negated) reader.at++;
  const ranges: { readonly low: number; readonly high: number }[] = [];
  while (ranges.length === 0 || reader.chars[reader.at] !== "]") {
    const low = readBound(reader);
    const ranged = reader.chars[reader.at] === "-";
    if (ranged) reader.at++;
    ranges.push({ low, high: ranged ? readBound(reader) : low });
  }
  reader.at++;
  return { takes: (char) => inside(char, ranges) !== negated };
}

function inside(char: string, ranges: readonly { readonly low: number; readonly high: number }[]): boolean {
  const code = char.codePointAt(0) ?? 0;
  return ranges.some(({ low, high }) => low <= code && code <= high);
}

/** One end of a range; a `-` or `]` there must be escaped. */
function readBound(reader: Reader): number {
  const char = readOne(reader);
  if (char === "-" || char === "]") throw badPattern();
  return (char === "\\" ? readOne(reader) : char).codePointAt(0) ?? 0;
}

function readOne(reader: Reader): string {
  const char = reader.chars[reader.at++];
  if (char === undefined) throw badPattern();
  return char;
}

function badPattern(): BerthError {
  return new BerthError("invalid-argument", "syntax error in pattern");
}
