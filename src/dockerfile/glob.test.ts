import fc from "fast-check";
import { expect, test } from "vitest";
import { withoutPrefix, withoutSuffix } from "./expand-pattern.ts";
import { findGlob, type GlobStep, matchesGlob } from "./glob.ts";
import { compilePattern } from "./ignore-pattern.ts";

const steps = (pattern: string): readonly GlobStep[] =>
  Array.from(pattern, (char) =>
    char === "*" ? { takes: () => true, repeats: true } : { takes: (other: string) => char === "?" || other === char },
  );
const expression = (pattern: string, star: string): string => pattern.replaceAll("?", ".").replaceAll("*", star);
const patterns = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 7 });
const texts = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 10 });

test("finds the leftmost, longest match, as a greedy regular expression does", () => {
  fc.assert(
    fc.property(patterns, texts, (pattern, text) => {
      const match = new RegExp(expression(pattern, ".*")).exec(text);
      const expected = match === null ? undefined : { start: match.index, end: match.index + match[0].length };
      expect(findGlob(steps(pattern), Array.from(text))).toEqual(expected);
    }),
  );
});

test("finds the shortest match at the start, as a lazy regular expression does", () => {
  fc.assert(
    fc.property(patterns, texts, (pattern, text) => {
      const length = new RegExp(`^${expression(pattern, ".*?")}`).exec(text)?.[0].length;
      expect(findGlob(steps(pattern), Array.from(text), { anchored: true, shortest: true })?.end).toBe(length);
    }),
  );
});

test("matches whole texts as an anchored regular expression does", () => {
  fc.assert(
    fc.property(patterns, texts, (pattern, text) => {
      const expected = new RegExp(`^${expression(pattern, ".*")}$`).test(text);
      expect(matchesGlob(steps(pattern), Array.from(text))).toBe(expected);
    }),
  );
});

test("takes no time to speak of for patterns that make regular expressions hang", () => {
  const text = "a".repeat(3_000);
  const pattern = `${"*a".repeat(25)}*b`;
  expect(withoutPrefix(text, pattern, true)).toBe(text);
  expect(withoutSuffix(text, pattern, false)).toBe(text);
  expect(compilePattern(`${"**/a".repeat(25)}b`)(text)).toBe(false);
});
