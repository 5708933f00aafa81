import { expect, test } from "vitest";
import { parseDuration } from "./duration.ts";

test.each([
  ["0", 0],
  ["0s", 0],
  ["1ns", 1],
  ["1.5us", 1500],
  ["2µs", 2000],
  ["100ms", 1e8],
  ["1h2m3.5s", 3723.5e9],
  [".5s", 5e8],
  ["-1s", -1e9],
  ["+1s", 1e9],
])("%s is %s ns", (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

test.each([
  ["", 'time: invalid duration ""'],
  ["-", 'time: invalid duration "-"'],
  ["s", 'time: invalid duration "s"'],
  [".s", 'time: invalid duration ".s"'],
  ["5", 'time: missing unit in duration "5"'],
  ["1m5", 'time: missing unit in duration "1m5"'],
  ["5x", 'time: unknown unit "x" in duration "5x"'],
  ["5constructor", 'time: unknown unit "constructor" in duration "5constructor"'],
  ["9999999h", 'time: invalid duration "9999999h"'],
])("%j is none", (text, message) => {
  expect(() => parseDuration(text)).toThrow(message);
});
