import { BerthError } from "../base/errors.ts";

/**
 * Match a path against a shell pattern as Go's `path/filepath.Match` does: `*` and `?` stop at a slash, `[a-z]`
 * and `[^a-z]` are sets, a backslash takes the next character literally.
 *
 * @throws {BerthError} invalid-argument `syntax error in pattern`
 */
export function compilePattern(pattern: string): (path: string) => boolean {
  const expression = new RegExp(`^${sourceOf([...pattern])}$`, "su");
  return (path) => expression.test(path);
}

/** True when `pattern` has a wildcard that is not escaped. */
export function hasWildcards(pattern: string): boolean {
  return /[*?[]/.test(pattern.replace(/\\./gsu, ""));
}

function sourceOf(pattern: readonly string[]): string {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] ?? "";
    if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (character === "[") {
      const set = readSet(pattern, at + 1);
      source += set.source;
      at = set.end;
    } else if (character === "\\") source += literal(pattern[++at]);
    else source += literal(character);
  }
  return source;
}

/** A set whose first character is at `start`; `end` is the index of its closing bracket. */
function readSet(pattern: readonly string[], start: number): { readonly source: string; readonly end: number } {
  let at = start;
  const negated = pattern[at] === "^";
  if (negated) at++;
  const one = (): string => {
    if (pattern[at] === "]" || pattern[at] === "-") throw badPattern();
    if (pattern[at] === "\\") at++;
    const character = pattern[at++];
    return character === "-" ? "\\-" : literal(character);
  };
  let ranges = "";
  for (let count = 0; pattern[at] !== "]" || count === 0; count++) {
    const low = one();
    if (pattern[at] !== "-") ranges += low;
    else {
      at++;
      const high = one();
      // Go takes an inverted range as one that matches nothing; a RegExp refuses it.
      if (low <= high) ranges += `${low}-${high}`;
    }
    if (at >= pattern.length) throw badPattern();
  }
  return { source: `[${negated ? "^" : ""}${ranges}]`, end: at };
}

function literal(character: string | undefined): string {
  if (character === undefined) throw badPattern();
  return /[\^$\\.*+?()[\]{}|/]/.test(character) ? `\\${character}` : character;
}

function badPattern(): BerthError {
  return new BerthError("invalid-argument", "syntax error in pattern");
}
