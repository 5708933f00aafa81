import { expect, test } from "vitest";
import { parseInstant } from "./instant.ts";

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
