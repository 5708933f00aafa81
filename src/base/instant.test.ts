import { expect, test } from "vitest";
import { isTime, parseInstant } from "./instant.ts";

test.each([
  { text: "1970-01-01T00:00:01Z", instant: 1000 },
  { text: "1970-01-01T00:00:00.123Z", instant: 123 },
  { text: "1970-01-01T00:00:00.1235Z", instant: 123.5 },
  { text: "1970-01-01T02:00:00.000250000+02:00", instant: 0.25 },
])("$text is $instant ms", ({ text, instant }) => {
  expect(parseInstant(text)).toBe(instant);
});

test("times that differ by a microsecond have an order, and equal ones are equal", () => {
  const [first, second] = ["2026-11-28T18:08:55.908125139Z", "2026-11-28T18:08:55.908126139Z"].map(parseInstant);
  expect(second).toBeGreaterThan(first ?? Number.NaN);
  expect(parseInstant("2026-11-28T20:08:55.908125139+02:00")).toBe(first);
});

test("what is no time is NaN", () => {
  expect(parseInstant("yesterday")).toBeNaN();
});

test.each([
  "2026-11-28T18:08:55Z",
  "2026-11-28T18:08:55.908125139+02:00",
  "0001-01-01T00:00:00Z",
  "2024-02-29T23:59:59-23:59",
])("%s is a time", (text) => {
  expect(isTime(text)).toBe(true);
});

test.each([
  "",
  "not a date",
  "2026-11-28",
  "2026-11-28T18:08:55",
  "2026-11-28t18:08:55z",
  "2026-11-28 18:08:55Z",
  "2026-11-28T24:00:00Z",
  "2026-11-28T18:08:60Z",
  "2026-11-28T18:08:55,5Z",
  "2026-11-28T18:08:55+24:00",
  "2026-13-01T00:00:00Z",
  "2026-02-29T00:00:00Z",
  "12026-01-01T00:00:00Z",
])("%j is none", (text) => {
  expect(isTime(text)).toBe(false);
});
