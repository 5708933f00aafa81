import { expect, test } from "vitest";
import { applyFilters, filters, hasLabel } from "./filter.ts";
import { parseMoment } from "./moment.ts";

const subjects = [
  { name: "a", state: "up", labels: { x: "1" } },
  { name: "b", state: "down", labels: { x: "2", y: "" } },
];
type Subject = (typeof subjects)[number];

const fitting = (...texts: readonly string[]): readonly string[] => {
  const flag = filters("");
  const given = texts.reduce((before, text) => flag.read(text, before), flag.initial);
  return applyFilters<Subject>(subjects, given, {
    name:
      (value) =>
      ({ name }) =>
        name === value,
    state:
      (value) =>
      ({ state }) =>
        state === value,
    label:
      (value) =>
      ({ labels }) =>
        hasLabel(labels, value),
  }).map(({ name }) => name);
};

test.each<[readonly string[], readonly string[]]>([
  [[], ["a", "b"]],
  [["name=a"], ["a"]],
  [
    ["name=a", "name=b"],
    ["a", "b"],
  ],
  [["name=a", "state=down"], []],
  [["label=x"], ["a", "b"]],
  [["label=x", "label=y"], ["b"]],
  [["label=x=2"], ["b"]],
  [["NAME = a "], ["a"]],
])("%j leaves %j", (given, left) => {
  expect(fitting(...given)).toEqual(left);
});

test("an unknown filter and a malformed one are refused in Docker's words", () => {
  expect(() => fitting("foo=x")).toThrow("invalid filter 'foo'");
  expect(() => fitting("=")).toThrow(/^invalid filter$/);
  expect(() => fitting("foo")).toThrow("bad format of filter (expected name=value)");
});

const now = Date.parse("2026-11-24T12:00:00Z");

test.each([
  ["2026-11-24T11:00:00Z", Date.parse("2026-11-24T11:00:00Z")],
  ["2026-11-24", Date.parse("2026-11-24")],
  ["42m", now - 42 * 60_000],
  ["1764000000.5", 1_764_000_000_500],
  ["x", undefined],
  ["2026-99-99", undefined],
])("--since %s", (text, moment) => {
  expect(parseMoment(text, now)).toBe(moment);
});
