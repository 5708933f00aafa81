// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { type ExpandOptions, expandWord, expandWords } from "./expand.ts";

const environment = new Map([
  ["HOME", "/root"],
  ["FILE", "a.tar.gz"],
  ["PATHS", "/usr/bin:/bin"],
  ["NAME", "berth"],
  ["EMPTY", ""],
  ["STAR", "a*b"],
  ["GREEK", "αβγ"],
  ["BLANKS", "one two"],
  ["1", "first"],
]);
const lookup = (name: string): string | undefined => environment.get(name);

const cases = readFileSync(join(import.meta.dirname, "expand.cases.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.split(" => "));

describe("expandWord", () => {
  test.each(cases)("turns %s into %s", (word = "", expected = "") => {
    if (!expected.startsWith("error ")) return expect(expandWord(word, lookup).text).toBe(expected);
    expect(() => expandWord(word, lookup)).toThrow(BerthError);
    expect(() => expandWord(word, lookup)).toThrow(expected.slice("error ".length));
    expect(() => expandWord(word, lookup)).toThrow(`failed to process ${JSON.stringify(word)}: `);
  });

  test("reports which variables were used and which are unset", () => {
    const { used, unmatched } = expandWord("$HOME ${UNSET:-${NAME}} '$FILE' $EMPTY", lookup);
    expect([...used]).toEqual(["HOME", "NAME", "EMPTY"]);
    expect([...unmatched]).toEqual(["UNSET"]);
  });

  const options: readonly [string, ExpandOptions, string][] = [
    ["C:\\$NAME`$NAME", { escape: "`" }, "C:\\berth$NAME"],
    [`"a" 'b' $NAME`, { quotes: "keep" }, `"a" 'b' berth`],
    [`don't "$NAME" '$NAME'`, { quotes: "plain" }, `don't "berth" 'berth'`],
    ["$UNSET ${UNSET} $NAME", { keepUnset: true }, "$UNSET ${UNSET} berth"],
    ["${UNSET:-x} ${UNSET#y} ${UNSET//a/b}", { keepUnset: true }, "${UNSET:-x} ${UNSET#y} ${UNSET//a/b}"],
    [`a\\"b "c\\$d"`, { keepEscapes: true, quotes: "keep" }, `a\\"b "c\\$d"`],
  ];
  test.each(options)("reads %s with %j as %s", (word, how, expected) => {
    expect(expandWord(word, lookup, how).text).toBe(expected);
  });

  test("refuses nesting that would take the stack", () => {
    const deep = "${A:-".repeat(5_000);
    expect(() => expandWord(deep, lookup)).toThrow(BerthError);
  });

  test("refuses a result that would take the memory", () => {
    const huge = "x".repeat(1024 * 1024);
    expect(() => expandWord("$A".repeat(100), () => huge)).toThrow("longer than 16777216");
    const some = "x".repeat(2_000);
    expect(() => expandWord(`\${A//x/${"y".repeat(10_000)}}`, () => some)).toThrow("longer than 16777216");
  });
});

describe("expandWords", () => {
  const tables: readonly [string, readonly string[]][] = [
    ["a b\tc", ["a", "b", "c"]],
    ["  a  ", ["a"]],
    ["$BLANKS x", ["one", "two", "x"]],
    ['"$BLANKS" x', ["one two", "x"]],
    ["a$BLANKS", ["aone", "two"]],
    ["a\\ b c", ["a b", "c"]],
    ["$UNSET", []],
    ["'' x", ["x"]],
    ["x << EOF y", ["x", "<< EOF", "y"]],
    ["a${UNSET:-b c}d", ["ab", "cd"]],
  ];
  test.each(tables)("splits %s", (text, words) => {
    expect(expandWords(text, lookup)).toEqual(words);
  });
});
