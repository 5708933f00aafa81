import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { streamOf } from "../../src/archive/testing.ts";
import { importImage } from "../../src/image/import.ts";
import { loadImages } from "../../src/image/load.ts";
import { archiveOfImages, imageCases } from "./images.ts";
import { archive, entry } from "./make.ts";
import { canaryOf, openTarget, outcomeOf, storeOf, type Target, watchMemory } from "./store.ts";

let target: Target;
beforeAll(async () => {
  target = await openTarget();
});
afterAll(async () => await target[Symbol.asyncDispose]());

const memoryLimit = 300 << 20;

test.each(imageCases)("$name", async ({ files, expected }) => {
  const before = { store: storeOf(target), canary: canaryOf(target) };
  const memory = watchMemory();
  const stream = streamOf(archiveOfImages(files), 1 << 18);
  const outcome = await outcomeOf(() => Array.fromAsync(loadImages(target.deps, stream)));
  expect(memory()).toBeLessThan(memoryLimit);
  expect(outcome).toMatch(expected);
  expect(canaryOf(target)).toEqual(before.canary);
  if (outcome !== "taken") expect(storeOf(target)).toEqual(before.store);
});

test("a layout's directory whose blobs are a link to elsewhere is refused", async () => {
  const { files } = imageCases.find(({ name }) => name === "indexes 7 deep") ?? { files: {} as Record<string, string> };
  const base = join(target.canary, "../layout");
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(base, name.startsWith("blobs") ? `elsewhere/${name}` : `in/${name}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  }
  symlinkSync("../elsewhere/blobs", join(base, "in/blobs"));
  const outcome = await outcomeOf(() => Array.fromAsync(loadImages(target.deps, join(base, "in"))));
  expect(outcome).toMatch(/no such file/);
});

/** A terabyte of zeros: the same compressed stream many times, which gzip takes for one. */
async function* bomb(): AsyncGenerator<Buffer> {
  const member = gzipSync(Buffer.alloc(64 << 20), { level: 9 });
  yield gzipSync(entry("zeros", "file", "", { size: 2 ** 40 }));
  for (let i = 0; i < 2 ** 14; i++) yield member;
}

/** As many zeros behind the end of an archive, which nothing announces. */
async function* tail(): AsyncGenerator<Buffer> {
  yield gzipSync(archive(entry("a", "file", "x")));
  const member = gzipSync(Buffer.alloc(64 << 20), { level: 9 });
  for (let i = 0; i < 2 ** 14; i++) yield member;
}

test.each([
  ["import", bomb, /no space left on device: "zeros" has 1.1TB/],
  ["load", bomb, /no space left on device: "zeros" has 1.1TB/],
  ["import", tail, /gzip: \d+ bytes have grown to \d+/],
  // What lies behind its end is no part of an archive of images.
  ["load", tail, /does not contain a manifest\.json/],
] as const)("%s refuses a terabyte of zeros (%o)", async (verb, stream, expected) => {
  const before = storeOf(target);
  const memory = watchMemory();
  const outcome = await outcomeOf(async () =>
    verb === "import"
      ? await importImage(target.deps, stream())
      : await Array.fromAsync(loadImages(target.deps, stream())),
  );
  expect(memory()).toBeLessThan(memoryLimit);
  expect(outcome).toMatch(expected);
  expect(storeOf(target)).toEqual(before);
});

test("more files of one name than an archive of images may have are refused, though an index has them once", async () => {
  const before = storeOf(target);
  async function* many(): AsyncGenerator<Buffer> {
    const some = Buffer.concat(Array.from({ length: 1000 }, () => entry("a", "file")));
    for (let i = 0; i < 1000; i++) yield some;
  }
  const outcome = await outcomeOf(() => Array.fromAsync(loadImages(target.deps, many())));
  expect(outcome).toBe("the archive has more than 100000 files");
  expect(storeOf(target)).toEqual(before);
});
