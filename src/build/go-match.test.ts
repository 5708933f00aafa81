import { expect, test } from "vitest";
import { compilePattern, hasWildcards } from "./go-match.ts";

test.each([
  ["abc", "abc", true],
  ["*", "abc", true],
  ["*c", "abc", true],
  ["a*", "ab/c", false],
  ["a*/b", "a/b", true],
  ["a*/b", "a/c/b", false],
  ["a*b*c*d*e*/f", "axbxcxdxe/f", true],
  ["ab[c]", "abc", true],
  ["ab[b-d]", "abc", true],
  ["ab[e-g]", "abc", false],
  ["ab[^c]", "abc", false],
  ["ab[^e-g]", "abc", true],
  ["a\\*b", "a*b", true],
  ["a\\*b", "ab", false],
  ["a?b", "a☺b", true],
  ["a[^a]b", "a☺b", true],
  ["a?b", "a/b", false],
  ["[\\]a]", "]", true],
  ["[\\-]", "-", true],
  ["[x\\-]", "x", true],
  ["*.txt", ".txt", true],
  ["a-*", "a-b", true],
  ["[b-a]", "b", false],
  ["[^a]", "/", true],
  ["a.c", "abc", false],
])("%s against %s is %s", (pattern, path, expected) => {
  expect(compilePattern(pattern)(path)).toBe(expected);
});

test.each(["[]a]", "[-]", "[x-]", "[-x]", "a[", "a\\", "[a-b-c]", "["])("%s is refused", (pattern) => {
  expect(() => compilePattern(pattern)).toThrow("syntax error in pattern");
});

test("an escaped star is no wildcard", () => {
  expect([hasWildcards("a\\*b"), hasWildcards("a*b"), hasWildcards("a[b]"), hasWildcards("plain")]).toEqual([
    false,
    true,
    true,
    false,
  ]);
});
