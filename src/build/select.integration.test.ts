import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testStore } from "../snapshot/testing.ts";
import { selectSource } from "./select.ts";
import { directoryTree } from "./source-tree.ts";

test.each([
  ["a directory is looked at once: its files are copied as they counted for the key", 100, 100],
  ["one of very many files is looked at each time", 5000, 5001],
])("%s", async (_, files, second) => {
  await using store = await testStore();
  const context = mkdtempSync(join(tmpdir(), "berth-select-"));
  try {
    for (let i = 0; i < files; i++) writeFileSync(join(context, `file-${i}`), "");
    const [selection] = selectSource(directoryTree(context), "/", store.host);
    expect([...(selection?.below() ?? [])]).toHaveLength(files);
    writeFileSync(join(context, "later"), "");
    expect([...(selection?.below() ?? [])]).toHaveLength(second);
  } finally {
    rmSync(context, { recursive: true });
  }
});
