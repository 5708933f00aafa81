import { expect, test } from "vitest";
import { durationText, healthcheckText, quote, quoteList } from "./go-format.ts";

test.each([
  ["plain", '"plain"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ["tab\tline\n", '"tab\\tline\\n"'],
  ["\x01\x7f", '"\\x01\\x7f"'],
  ["grün ☺", '"grün ☺"'],
  ["\u00a0\u200b", '"\\u00a0\\u200b"'],
])("%j is quoted as Go does", (text, expected) => {
  expect(quote(text)).toBe(expected);
});

test("a list has its words quoted and no commas", () => {
  expect(quoteList(["/bin/sh", "-c", "echo hi"])).toBe('["/bin/sh" "-c" "echo hi"]');
});

test.each([
  [0, "0s"],
  [1, "1ns"],
  [1500, "1.5µs"],
  [200e6, "200ms"],
  [1.5e9, "1.5s"],
  [90e9, "1m30s"],
  [3600e9, "1h0m0s"],
  [3661.5e9, "1h1m1.5s"],
])("%d ns is %s", (nanoseconds, expected) => {
  expect(durationText(nanoseconds)).toBe(expected);
});

test("a health check shows all its fields", () => {
  const check = { Test: ["CMD-SHELL", "curl x || exit 1"], Interval: 5e9, Timeout: 3e9, Retries: 3 };
  expect(healthcheckText(check)).toBe(`&{["CMD-SHELL" "curl x || exit 1"] "5s" "3s" "0s" "0s" '\\x03'}`);
});
