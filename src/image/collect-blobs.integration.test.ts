import { expect, test } from "vitest";
import { openContent } from "../content/content.ts";
import { digestOf } from "../oci/digest.ts";
import { testStore } from "../snapshot/testing.ts";
import { collectBlobs } from "./collect-blobs.ts";

test("configs stay that an image has or a living process is about to record; others go", async () => {
  await using store = await testStore();
  await using other = await store.another();
  const content = openContent(store.host);
  const names = ["recorded", "held", "of a process that died"] as const;
  const [recorded, held, orphan] = names.map((name) => digestOf(Buffer.from(name)));
  await store.db.write((sql) =>
    sql.run("INSERT INTO image (id, size, stored_at) VALUES (?, 0, '2020-01-01T00:00:00Z')", recorded ?? ""),
  );
  const left = (): readonly string[] => content.list().map(({ digest }) => digest);
  {
    await using _hold = await store.snapshotter.holdBlob(digestOf(Buffer.from("held")));
    for (const name of names) await content.put(Buffer.from(name));
    expect(left()).toContain(orphan);
    await collectBlobs({ ...other, content });
    expect(new Set(left())).toEqual(new Set([recorded, held]));
  }
  await collectBlobs({ ...other, content });
  expect(left()).toEqual([recorded]);
});
