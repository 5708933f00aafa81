import { expect, test } from "vitest";
import type { BuildSummary } from "../engine-types.ts";
import { filterBuilds } from "./build-filters.ts";

const build = (id: string, rest: Partial<BuildSummary>): BuildSummary => ({
  ...{ id, started: 0, duration: 1000, status: "completed", name: "app", context: "/app", dockerfile: "Dockerfile" },
  ...{ platform: "linux/amd64", tags: [], steps: { total: 1, completed: 1, cached: 0 }, ...rest },
});

const builds = [
  build("a1", { tags: ["app:1", "app:2"], duration: 90_000, started: Date.now() }),
  build("b2", { status: "error", name: "tool (test)", target: "test" }),
  build("c3", { status: "canceled", started: Date.now() - 3_600_000 }),
];

test.each([
  ["status=error", ["b2"]],
  ["status=success", ["a1"]],
  ["status!=completed", ["b2", "c3"]],
  ["ref=a", ["a1"]],
  ["name=tool", ["b2"]],
  ["tag=app:2", ["a1"]],
  ["tag!=app", ["b2", "c3"]],
  ["target=test", ["b2"]],
  ["duration>30s", ["a1"]],
  ["duration<=1s", ["b2", "c3"]],
  ["startedAt>30m", ["a1"]],
  ["startedAt<2020-01-01", ["b2"]],
])("%s", (filter, ids) => {
  expect(filterBuilds(builds, [filter]).map(({ id }) => id)).toEqual(ids);
});

test.each([
  ["status", 'invalid filter "status"'],
  ["status>error", 'invalid separator for "status>error", expected = or !='],
  ["duration=1s", 'invalid separator for "duration=1s", expected <=, <, >= or >'],
  ["duration>x", "invalid duration x"],
  ["startedAt>x", "invalid time x"],
  ["repository=x", 'unsupported filter "repository=x"'],
  ["constructor=x", 'unsupported filter "constructor=x"'],
])("%s is refused", (filter, message) => {
  expect(() => filterBuilds(builds, [filter])).toThrow(message);
});
