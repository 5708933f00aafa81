import { expect, test } from "vitest";
import { limits } from "../base/limits.ts";
import { chainIDs, type Digest, digestOf } from "../oci/digest.ts";
import type { CacheRecord } from "./config.ts";
import { importedCache } from "./imported-cache.ts";
import { operationRecord, type StepKey } from "./step-key.ts";

const diffIDs = Array.from({ length: limits.layers + 1 }, (_, i) => digestOf(`diff ${i}`));
const blobs = diffIDs.map((diffID) => digestOf(`blob ${diffID}`));
const blobAt = (index: number): Digest => blobs[index] ?? digestOf("");
const step: StepKey = { forms: [{ operation: digestOf("operation"), inputs: [] }] };
const key = operationRecord(digestOf("operation"));
const createdAt = "2024-01-01T00:00:00Z";

const cacheOf = (record: Partial<CacheRecord>, known: (index: number) => boolean = () => true) =>
  importedCache({
    name: "test",
    config: {
      layers: blobs.map((blob, index) => ({ blob, parent: index - 1 })),
      records: [{ digest: key, ...record }],
    },
    layerOf: (index) => {
      const diffID = diffIDs[index];
      if (diffID === undefined || !known(index)) return undefined;
      return { blob: { digest: blobAt(index), size: 1, mediaType: "" }, diffID };
    },
    reader: undefined,
  });

test("a record leads to its layer with all below it, or to a list of layers", async () => {
  for (const result of [{ layers: [{ layer: 1, createdAt }] }, { chains: [{ layers: [0, 1], createdAt }] }]) {
    const [record, ...others] = await cacheOf(result).findStep(step);
    expect(others).toEqual([]);
    expect(record).toMatchObject({ chainID: chainIDs(diffIDs)[1], created: createdAt });
    expect(record?.layers?.().map(({ diffID }) => diffID)).toEqual(diffIDs.slice(0, 2));
  }
});

test.each([
  ["names a layer that isn't there", { layers: [{ layer: 100_000, createdAt }] }],
  ["lies on more layers than a file system has", { layers: [{ layer: limits.layers, createdAt }] }],
  ["lists more layers than that", { chains: [{ layers: diffIDs.map((_, index) => index), createdAt }] }],
  ["has no time", { layers: [{ layer: 0 }] }],
  ["has a key that is no digest", { digest: "random:1", layers: [{ layer: 0, createdAt }] }],
  ["has nothing", {}],
])("a record that %s is none", (_, record) => {
  expect(cacheOf(record).chains.size).toBe(0);
});

test("a layer that the manifest doesn't tell of makes what lies on it no results", () => {
  expect(cacheOf({ layers: [{ layer: 2, createdAt }] }, (index) => index !== 1).chains.size).toBe(0);
});

test("a record whose layers didn't travel has the name of what it made", () => {
  const chain = digestOf("chain");
  const record = cacheOf({ berth: { chain, created: createdAt, name: "RUN x" } }).records.get(key);
  expect(record).toEqual({ key, chainID: chain, created: createdAt, name: "RUN x", layers: undefined });
});

test("a step without layers is there, and what it made isn't", async () => {
  expect(await cacheOf({}).findStep(step)).toEqual([undefined]);
});

test("in a cache of berth's no step is looked for by BuildKit's names", async () => {
  const berth = { chain: digestOf("chain"), created: createdAt, name: "RUN x" };
  expect(await cacheOf({ berth, layers: [{ layer: 1, createdAt }] }).findStep(step)).toEqual([]);
});
