import { existsSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import { abandonedDirs, heldDir } from "./held-dir.ts";
import { linux } from "./syscalls.ts";

test("a directory goes, however often others look whether it is in use meanwhile", async () => {
  const parent = scratchOfTest("held");
  let going = true;
  const looking = (async () => {
    for (; going; await turn()) abandonedDirs(linux, parent, "step-");
  })();
  for (let round = 0; round < 200; round++) {
    const directory = await heldDir(linux, parent, "step-");
    await directory[Symbol.asyncDispose]();
    expect(existsSync(directory.path)).toBe(false);
  }
  going = false;
  await looking;
});
