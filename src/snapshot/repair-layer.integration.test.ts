import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { archiveOf, type Entry, streamOf } from "../archive/testing.ts";
import { type DiffID, digestOf } from "../oci/digest.ts";
import { manifestPath, recipePath } from "./layer-records.ts";
import type { ArchiveElsewhere } from "./repair-layer.ts";
import type { Layer } from "./snapshotter.ts";
import { type TestStore, testStore } from "./testing.ts";

let store: TestStore;
beforeEach(async () => {
  store = await testStore();
});
afterEach(() => store[Symbol.asyncDispose]());

// Another program's order, so that no form of berth's own has these bytes.
const entries: readonly Entry[] = [
  ["z", "file", "last first"],
  ["etc/a", "file", "a file"],
  ["etc/b", "link", "etc/a"],
];
const archive = archiveOf(...entries);

async function unpacked(): Promise<Layer> {
  const base = archiveOf(["etc", "dir", "", { mode: 0o700 }]);
  const archives = [base, archive].map((bytes, index) => ({
    diffID: digestOf(bytes),
    name: `layer ${index}`,
    open: () => streamOf(bytes),
  }));
  const [, layer] = await store.snapshotter.unpack(undefined, archives);
  if (layer === undefined) throw new Error("no layer");
  await store.snapshotter.flush();
  return layer;
}

const elsewhere = (from: string, bytes: Buffer): ArchiveElsewhere => ({ from, open: () => streamOf(bytes) });

/** Mend all that is wrong, with these archives for any layer. @returns what came of it, and which were asked for */
async function mended(
  ...archives: readonly ArchiveElsewhere[]
): Promise<{ readonly answers: readonly unknown[]; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  async function* given(diffID: DiffID): AsyncGenerator<ArchiveElsewhere> {
    expect(diffID).toBe(digestOf(archive));
    for (const each of archives) {
      asked.push(each.from);
      yield each;
    }
  }
  const answers: unknown[] = [];
  const options = { quick: false, looked: () => undefined, archives: given };
  for await (const { mend } of store.snapshotter.check(options)) answers.push(await mend?.());
  return { answers: [...new Set(answers)], asked };
}

async function isWhole({ path, ...layer }: Layer): Promise<void> {
  expect(await Array.fromAsync(store.snapshotter.check({ quick: false, looked: () => undefined }))).toEqual([]);
  expect(Buffer.concat(await Array.fromAsync(store.snapshotter.archive({ path, ...layer }))).equals(archive)).toBe(
    true,
  );
  // What the archive doesn't list is like the layer below.
  expect(statSync(join(path, "etc")).mode & 0o777).toBe(0o700);
}

describe("what the store can't mend is mended of the layer's archive from elsewhere", () => {
  test.each<readonly [string, (path: string) => void]>([
    ["a file without a copy", (path) => writeFileSync(join(path, "etc/a"), "other ")],
    ["a damaged recipe", (path) => writeFileSync(recipePath(path), "no recipe")],
    ["a directory that is gone", (path) => rmSync(path, { recursive: true })],
    [
      "a directory that is gone with all that was written down of it",
      (path) => {
        for (const each of [path, recipePath(path), manifestPath(path)]) rmSync(each, { recursive: true });
      },
    ],
    [
      "a lost manifest of a layer that isn't whole",
      (path) => {
        rmSync(manifestPath(path));
        writeFileSync(join(path, "z"), "other");
      },
    ],
  ])("%s", async (_, damage) => {
    const layer = await unpacked();
    damage(layer.path);
    expect(await mended(elsewhere("here", archive))).toEqual({ answers: [true], asked: ["here"] });
    await isWhole(layer);
  });
});

test("an archive with other bytes is told and not used, and the next one is", async () => {
  const layer = await unpacked();
  writeFileSync(join(layer.path, "z"), "other");
  const wrong = elsewhere("there", archiveOf(["z", "file", "wrong"]));
  const { answers } = await mended(wrong);
  expect(answers).toEqual([expect.stringMatching(/^there: invalid diffID for layer/)]);
  expect(readFileSync(join(layer.path, "z"), "utf8")).toBe("other");
  expect(await mended(wrong, elsewhere("here", archive))).toEqual({ answers: [true], asked: ["there", "here"] });
  await isWhole(layer);
});

test("what the store can mend itself is asked for nowhere", async () => {
  const layer = await unpacked();
  writeFileSync(join(layer.path, "more"), "");
  expect(await mended(elsewhere("here", archive))).toEqual({ answers: [true], asked: [] });
  await isWhole(layer);
});
