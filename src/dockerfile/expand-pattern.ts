import { BerthError } from "../base/errors.ts";
import { findGlob, type GlobStep } from "./glob.ts";

// The patterns of ${X#p}, ${X%p} and ${X/p/r}: `?`, `*` and escapes, no brackets. Wildcards don't cross lines.

const notNewline = (char: string): boolean => char !== "\n";

/** `value` without the shortest (or longest) part at its start that `pattern` stands for. @throws {BerthError} */
export function withoutPrefix(value: string, pattern: string, longest: boolean): string {
  const chars = Array.from(value);
  const match = findGlob(patternSteps(pattern), chars, { anchored: true, shortest: !longest });
  return chars.slice(match?.end ?? 0).join("");
}

/** `value` without the shortest (or longest) part at its end that `pattern` stands for. @throws {BerthError} */
export function withoutSuffix(value: string, pattern: string, longest: boolean): string {
  const backwards = Array.from(value).reverse();
  const match = findGlob(patternSteps(pattern).reverse(), backwards, { anchored: true, shortest: !longest });
  return backwards
    .slice(match?.end ?? 0)
    .reverse()
    .join("");
}

/** `value` with the first, or every, longest match of `pattern` replaced, in pieces. @throws {BerthError} */
export function* replaced(
  value: string,
  change: { readonly pattern: string; readonly replacement: string; readonly all: boolean },
): Generator<string> {
  const steps = patternSteps(change.pattern);
  const chars = Array.from(value);
  let done = 0;
  for (let from = 0; from <= chars.length; ) {
    const match = findGlob(steps, chars, { from });
    if (match === undefined) break;
    yield chars.slice(done, match.start).join("");
    // An empty match right behind the one before is part of it.
    if (match.end > done || match.start === 0) yield change.replacement;
    done = match.end;
    if (!change.all) break;
    from = Math.max(from + 1, match.end);
  }
  yield chars.slice(done).join("");
}

function patternSteps(pattern: string): GlobStep[] {
  const steps: GlobStep[] = [];
  const chars = Array.from(pattern);
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at] ?? "";
    if (char === "*") steps.push({ takes: notNewline, repeats: true });
    else if (char === "?") steps.push({ takes: notNewline });
    else steps.push(literal(char === "\\" ? escaped(pattern, chars[++at]) : char));
  }
  return steps;
}

function literal(char: string): GlobStep {
  return { takes: (other) => other === char };
}

function escaped(pattern: string, char = "\ufffd"): string {
  if ("*?\\}/".includes(char)) return char;
  throw new BerthError("invalid-argument", `invalid pattern (${pattern}) in substitution: invalid escape '\\${char}'`);
}
