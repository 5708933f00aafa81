import { expect, test } from "vitest";
import { buildFilter } from "./build-filter.ts";

const build = {
  id: "sha256:abcdef",
  type: "regular",
  description: "RUN make all",
  size: 1,
  created: "2024-01-01T00:00:00Z",
  used: new Date(Date.now() - 3_600_000).toISOString(),
  shared: false,
  isRecord: true,
} as const;

test.each([
  ["id", "cdef", true],
  ["id", "xyz", false],
  ["id!", "sha256:abcdef", false],
  ["type", "regular", true],
  ["type!", "regular", false],
  ["type", "exec.cachemount", false],
  ["description", "RUN make", false],
  ["description~", "make", true],
  ["shared", "false", true],
  ["private", "true", true],
  ["private!", "true", false],
  ["inuse", "0", true],
  ["mutable", "1", false],
  ["immutable", "true", true],
  ["until", "30m", true],
  ["until", "2h", false],
  ["unused-for", "2h", false],
])("%s=%s", (name, value, holds) => {
  expect(buildFilter([{ name, value }])(build)).toBe(holds);
});

test("all have to hold", () => {
  const filters = [
    { name: "type", value: "regular" },
    { name: "shared", value: "true" },
  ];
  expect(buildFilter(filters)(build)).toBe(false);
  expect(buildFilter([])(build)).toBe(true);
});

test.each([
  ["colour", "red", "ERROR: invalid filter 'colour'"],
  ["shared~", "tr", "ERROR: invalid filter 'shared~'"],
  ["shared", "maybe", "ERROR: invalid filter 'shared=maybe'"],
  ["until", "x", `ERROR: "until" filter expects a duration (e.g., '24h'): time: invalid duration "x"`],
])("%s=%s is none", (name, value, message) => {
  expect(() => buildFilter([{ name, value }])).toThrow(message);
});
