import { expect, test } from "vitest";
import { type ContentStore, openContent } from "../content/content.ts";
import { hostPlatform } from "../oci/platform.ts";
import { type TestStore, testStore } from "../snapshot/testing.ts";
import { imageGarbage } from "./image-garbage.ts";
import { createImage, type Image, type ImageDeps } from "./images.ts";

/** Store an image of one layer. @param change what happens to the store of contents meanwhile */
async function stored(store: TestStore, change: (content: ContentStore) => ContentStore): Promise<[Image, ImageDeps]> {
  const content = openContent(store.host);
  const chain = await store.commit([["f", "file"]]);
  const diffIDs = store.snapshotter.layers().flatMap(({ chainID, diffID }) => (chainID === chain ? diffID : []));
  const rootfs = { type: "layers" as const, diff_ids: diffIDs };
  const { os, architecture } = hostPlatform;
  const image = await createImage({ ...store, content: change(content) }, { os, architecture, rootfs });
  return [image, { ...store, content }];
}

test("a config that is an image's is no garbage, and stays when others go", async () => {
  await using store = await testStore();
  const [{ id }, deps] = await stored(store, (content) => content);
  const other = await deps.content.put(Buffer.from("{}"));
  const garbage = await imageGarbage(deps);
  expect(garbage.length).toBe(1);
  for (const { remove } of garbage) await remove();
  expect([deps.content.has(id), deps.content.has(other)]).toEqual([true, false]);
});

test("an image whose layer was removed meanwhile is refused, and leaves nothing", async () => {
  await using store = await testStore();
  const removing = stored(store, (content) => ({
    ...content,
    put: async (bytes) => {
      await store.db.write((sql) => sql.run("DELETE FROM layer"));
      return await content.put(bytes);
    },
  }));
  await expect(removing).rejects.toMatchObject({ kind: "not-found" });
  expect(store.db.read((sql) => sql.all("SELECT id FROM image"))).toEqual([]);
});
