import { expect, test } from "vitest";
import { bigFile, manyFiles } from "../crash/big.ts";
import { openBerth, openBerthWithBusybox } from "../support/berth.ts";

// `npm run soak` has 100,000 files and 9 GiB; sizes beyond 8 GiB alone are in archive/big-files.integration.test.ts.

test("a directory of many files goes through every verb of images", async () => {
  await using berth = await openBerthWithBusybox();
  await using other = openBerth();
  expect(await manyFiles(berth, other, 1000)).toHaveLength(12);
});

test("a file that is nearly all hole goes through every verb of images", async () => {
  await using berth = await openBerthWithBusybox();
  await using other = openBerth();
  expect(await bigFile(berth, other, 50_000_000)).toHaveLength(10);
});
