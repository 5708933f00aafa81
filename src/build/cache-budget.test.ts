import { expect, test } from "vitest";
import { type ChainID, digestOf } from "../oci/digest.ts";
import type { Layer } from "../snapshot/snapshotter.ts";
import { bytesKept, chooseDoomed } from "./cache-budget.ts";
import type { BuildUsage } from "./cache-usage.ts";
import { spaceOf } from "./within-budget.ts";

const gigabyte = 1e9;

test.each([
  ["nothing is kept where nothing is said", {}, 0],
  ["what may be used is kept", { maxUsed: 50 }, 50],
  ["what is reserved is kept", { reserved: 30 }, 30],
  ["the larger of both is", { maxUsed: 20, reserved: 30 }, 30],
  ["what is missing on the disk goes", { minFree: 60 }, 80],
  ["but not what is reserved", { minFree: 90, reserved: 95 }, 95],
  ["nothing goes of a disk that has enough", { minFree: 40 }, 0],
])("%s", (_, space, kept) => {
  expect(bytesKept(100, space, { size: 1000, free: 40 })).toBe(kept);
});

test("what is set counts alone; else it depends on the disk", () => {
  expect(spaceOf({ maxUsedSpace: 7 }, { size: 1000 })).toEqual({ reserved: 0, maxUsed: 7, minFree: 0 });
  expect(spaceOf({}, { size: 10 * gigabyte })).toEqual({
    reserved: gigabyte,
    maxUsed: 8 * gigabyte,
    minFree: 2 * gigabyte,
  });
  expect(spaceOf({}, { size: 1000 * gigabyte })).toMatchObject({ reserved: 10 * gigabyte, maxUsed: 100 * gigabyte });
});

const chain = (name: string): ChainID => digestOf(name);
const layer = (name: string, parent?: string): Layer => ({
  chainID: chain(name),
  parent: parent === undefined ? undefined : chain(parent),
  diffID: digestOf(name),
  size: 10,
  bytes: 10,
  writer: 1,
  path: "",
});
const record = (id: string, name: string, more: Partial<BuildUsage> = {}): BuildUsage => ({
  id,
  type: "regular",
  description: "",
  size: 10,
  created: "",
  used: "2024-01-01T00:00:00Z",
  shared: false,
  chainID: chain(name),
  isRecord: true,
  ...more,
});
const mount = (id: string, used: string): BuildUsage => {
  const { chainID: _, ...rest } = record(id, id, { type: "exec.cachemount", used, isRecord: false });
  return rest;
};
const all = () => true;
const idsOf = (usages: readonly BuildUsage[], layers: readonly Layer[], excess: number, fits = all) =>
  chooseDoomed({ usages, layers }, { fits, excess }).map(({ id }) => id);

test("what was used longest ago goes first, until enough is free", () => {
  const layers = [layer("a"), layer("b")];
  const usages = [
    record("a", "a", { used: "2024-01-02T00:00:00Z" }),
    record("b", "b"),
    mount("m", "2024-01-03T00:00:00Z"),
  ];
  expect(idsOf(usages, layers, 5)).toEqual(["b"]);
  expect(idsOf(usages, layers, 10)).toEqual(["b"]);
  expect(idsOf(usages, layers, 11)).toEqual(["b", "a"]);
  expect(idsOf(usages, layers, 21)).toEqual(["b", "a", "m"]);
  expect(idsOf(usages, layers, 0)).toEqual([]);
});

test("a layer is free when nothing lies on it, and no record has it", () => {
  const layers = [layer("a"), layer("b", "a")];
  const usages = [record("a", "a"), record("b", "b"), record("again", "b", { shared: true })];
  // Of the same build, those on top go first: what is below them alone frees nothing.
  expect(idsOf(usages, layers, 10)).toEqual(["b", "again"]);
  expect(idsOf(usages, layers, 20)).toEqual(["b", "again", "a"]);
});

test("what images have frees nothing, and a base layer goes with the last that lies on it", () => {
  const layers = [layer("image"), layer("base"), layer("a", "base")];
  const base = record("base", "base", { isRecord: false });
  const usages = [record("image", "image", { shared: true }), base, record("a", "a")];
  expect(idsOf(usages, layers, 20)).toContain("a");
  expect(idsOf(usages, layers, 20)).not.toContain("base");
  expect(
    chooseDoomed({ usages, layers }, { fits: ({ id }) => id === "a", excess: Number.POSITIVE_INFINITY }),
  ).toHaveLength(1);
});
