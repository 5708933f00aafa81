import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfFile } from "../base/testing.ts";
import { placesOf } from "./host.ts";

const place = scratchOfFile("places");
const env = { BERTH_NAMESPACE: "1000", XDG_DATA_HOME: join(place, "data"), XDG_RUNTIME_DIR: join(place, "run") };
const runRoot = (root?: string, more = {}): string =>
  placesOf(root === undefined ? {} : { root }, { ...env, ...more }).runRoot;

test("each store has a run root of its own: what runs in one is no garbage of another", () => {
  const own = join(place, "run/berth");
  expect(runRoot()).toBe(own);
  expect(runRoot(join(place, "data/berth"))).toBe(own);
  const other = runRoot(join(place, "a"));
  expect(other).toMatch(new RegExp(`^${own}-[0-9a-f]{8}$`));
  expect(runRoot(undefined, { BERTH_ROOT: join(place, "a") })).toBe(other);
  expect(runRoot(join(place, "b"))).not.toBe(other);
});

test("a store has one run root by each of its names", () => {
  mkdirSync(join(place, "real/store"), { recursive: true });
  symlinkSync("real", join(place, "link"));
  expect(runRoot(join(place, "link/store"))).toBe(runRoot(join(place, "real/store")));
  expect(runRoot(join(place, "link/new"))).toBe(runRoot(join(place, "real/new")));
});

test("a run root that is named is taken", () => {
  expect(placesOf({ root: "/a", runRoot: "/b" }, env).runRoot).toBe("/b");
  expect(runRoot("/a", { BERTH_RUN_ROOT: "/c" })).toBe("/c");
});
