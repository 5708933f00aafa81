import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openContent } from "../content/content.ts";
import type { Database } from "../metadata/database.ts";
import { type TestStore, testStore } from "../snapshot/testing.ts";
import { createImage, findID, type ImageDeps, lastTagged, parseTag } from "./images.ts";

let store: TestStore & ImageDeps;
beforeEach(async () => {
  const opened = await testStore();
  store = Object.assign(opened, { content: openContent(opened.host) });
});
afterEach(() => store[Symbol.asyncDispose]());

/** An image without layers. */
async function image(deps: ImageDeps, author: string, ...names: readonly string[]): Promise<string> {
  const config = { architecture: "amd64", os: "linux", author, rootfs: { type: "layers", diff_ids: [] } } as const;
  return (await createImage(deps, config, { references: names.map((name) => parseTag(name)) })).id;
}

/** The same store, and which of its writes were worth a wait for the disk and changed something. */
function observed(deps: ImageDeps): { readonly deps: ImageDeps; readonly durable: boolean[] } {
  const durable: boolean[] = [];
  const write: Database["write"] = (body, options = {}) =>
    deps.db.write((sql) => {
      const changes = (): number => sql.get<{ n: number }>("SELECT total_changes() AS n")?.n ?? 0;
      const before = changes();
      const result = body(sql);
      if (changes() !== before) durable.push(options.durable ?? true);
      return result;
    }, options);
  return { deps: { ...deps, db: { ...deps.db, write } }, durable };
}

test("an image that is made again under its own names waits for no disk, and they have a new time", async () => {
  const id = await image(store, "one", "a", "b:2");
  const first = lastTagged(store, findID(store, "a"));
  await sleep(5);
  const { deps, durable } = observed(store);
  expect(await image(deps, "one", "a", "b:2")).toBe(id);
  expect(durable).toEqual([false]);
  expect((lastTagged(store, findID(store, "a")) ?? "") > (first ?? "")).toBe(true);
});

test.each([
  ["a new name", ["a", "new"]],
  ["a name that led to another image", ["a", "other"]],
])("an image that is made again and gets %s is recorded for good", async (_, names) => {
  const id = await image(store, "one", "a");
  await image(store, "two", "other");
  const { deps, durable } = observed(store);
  await image(deps, "one", ...names);
  expect(durable).toEqual([true]);
  expect(names.map((name) => findID(store, name))).toEqual([id, id]);
});
