import { expect, test } from "vitest";
import { distance, suggestion, withSuggestion } from "./suggest.ts";

test.each([
  ["", "", 0],
  ["abc", "abc", 0],
  ["abc", "", 3],
  ["kitten", "sitting", 3],
  ["FRO", "FROM", 1],
  ["CPOY", "COPY", 2],
])("%s is %s after %s edits away", (a, b, expected) => {
  expect(distance(a, b)).toBe(expected);
  expect(distance(b, a)).toBe(expected);
});

test.each([
  ["FRO", ["COPY", "FROM"], "FROM"],
  ["xx", ["xy", "xz"], "xy"],
  ["abc", ["xyz"], undefined],
  ["FROM", ["FROM", "FRO"], undefined],
])("%s was meant to be one of %j: %s", (word, options, expected) => {
  expect(suggestion(word, options)).toBe(expected);
});

test("a message without a suggestion stays as it is", () => {
  expect(withSuggestion("unknown flag: --x", "x", ["platform"])).toBe("unknown flag: --x");
});
