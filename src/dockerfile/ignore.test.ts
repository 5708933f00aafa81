import { describe, expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { ignoreLines, openMatcher, parseIgnore } from "./ignore.ts";

describe("parseIgnore", () => {
  const lines: readonly [string, readonly string[]][] = [
    ["", []],
    ["a\nb\n", ["a", "b"]],
    ["\ufeffa\r\n\r\n  b  \r\n", ["a", "b"]],
    ["# comment\n # pattern\n", ["# pattern"]],
    ["/a\n//b\n/\n", ["a", "b", "/"]],
    ["a/\n./b\nc//d/../e\n", ["a", "b", "c/e"]],
    ["!a\n! /b/\n!\n", ["!a", "!b", "!"]],
    ["../x\n", ["../x"]],
  ];
  test.each(lines)("reads %j", (text, patterns) => {
    expect(parseIgnore(text)).toEqual(patterns);
  });
});

test.each([
  ["node_modules/x/y", 3, "node_modules"],
  ["node_modules/keep/z", 5, "!/node_modules/keep"],
  ["a.log", 2, "**/*.log"],
  ["src/a.ts", undefined, undefined],
  [".", undefined, undefined],
])("the last pattern that applies decides, and its line is known: %s", (path, number, text) => {
  const lines = ignoreLines("# a comment\n**/*.log\nnode_modules\n\n!/node_modules/keep\n");
  const decided = openMatcher(lines.map(({ pattern }) => pattern)).decidedBy(path);
  const line = decided === undefined ? undefined : lines[decided];
  expect([line?.number, line?.text]).toEqual([number, text]);
});

// Patterns with blanks between them; a path; whether it is left out.
const table: readonly [string, string, boolean][] = [
  ["", "a", false],
  ["a", "a", true],
  ["a", "b/a", false],
  ["a", "ab", false],
  ["a", "a/b/c", true],
  ["a/b", "a", false],
  ["a/b", "a/b/c", true],
  ["*", "a", true],
  ["*", ".hidden", true],
  ["*", "a/b", true],
  ["*", ".", false],
  ["*.go", "x.go", true],
  ["*.go", "d/x.go", false],
  ["*/x", "d/x", true],
  ["*/x", "d/e/x", false],
  ["*/x", "x", false],
  ["a?c", "abc", true],
  ["a?c", "a/c", false],
  ["**", "a/b", true],
  ["**/x", "x", true],
  ["**/x", "a/b/x", true],
  ["**/x", "a/yx", false],
  ["**x", "a/yx", true],
  ["**/*.go", "x.go", true],
  ["**/*.go", "a/b/x.go", true],
  ["**/*.go", "x.got", false],
  ["a/**", "a", false],
  ["a/**", "a/b", true],
  ["a/**", "a/b/c", true],
  ["a/**/b", "a/b", true],
  ["a/**/b", "a/x/y/b", true],
  ["a/**/b", "a/x/yb", false],
  ["a**/b", "axy/b", true],
  ["a**/b", "a/b", true],
  ["a**/b", "ab", true],
  ["[ab]c", "bc", true],
  ["[ab]c", "cc", false],
  ["[^ab]c", "cc", true],
  ["[a-c]1", "b1", true],
  ["[a-c]1", "d1", false],
  ["[\\]]", "]", true],
  ["a\\*", "a*", true],
  ["a\\*", "ab", false],
  ["a.b", "axb", false],
  ["a+(b)|$", "a+(b)|$", true],
  ["é?", "éß", true],
  ["* !a", "a", false],
  ["* !a", "b", true],
  ["* !a", "a/b", false],
  ["a !a/b", "a/b", false],
  ["a !a/b", "a/b/c", false],
  ["a !a/b", "a/c", true],
  ["a !a/b a/b/c", "a/b/c", true],
  ["!a a", "a", true],
  ["a !a", "a", false],
  ["*.md !README*.md README-secret.md", "README.md", false],
  ["*.md !README*.md README-secret.md", "README-secret.md", true],
  ["**/node_modules !keep/**", "keep/node_modules/x", false],
  // The exception changes nothing for `a`, so it isn't remembered for what is below.
  ["a/b !a", "a/b", true],
  ["a/ /b", "a/x", true],
];

describe("openMatcher", () => {
  test.each(table)("with %j says of %s: %s", (patterns, path, excluded) => {
    expect(openMatcher(patterns.split(" ")).excludes(path)).toBe(excluded);
  });

  test.each(["[", "[]", "[a", "[a-]", "[-a]", "a\\", "**/[", "![x"])("refuses %s", (pattern) => {
    expect(() => openMatcher([pattern])).toThrow(BerthError);
    expect(() => openMatcher([pattern])).toThrow("syntax error in pattern");
  });

  test("refuses an exception without a pattern", () => {
    expect(() => openMatcher(["!"])).toThrow('illegal exclusion pattern: "!"');
  });

  const below: readonly [string, string, boolean][] = [
    ["*", "a", false],
    ["* !b", "a", false],
    ["* !a", "a", true],
    ["* !a/b/c", "a", true],
    ["* !a/b/c", "a/b", true],
    ["* !ab", "a", false],
    ["* !a/b/**", "a/b", true],
    ["* !a/b/*", "a", true],
    ["* !**/x", "a", true],
  ];
  test.each(below)("with %j knows whether %s may hold exceptions: %s", (patterns, dir, expected) => {
    expect(openMatcher(patterns.split(" ")).mayHaveExceptionsBelow(dir)).toBe(expected);
  });
});
