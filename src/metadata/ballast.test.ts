import { rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import { lock } from "../host/lock.ts";
import { linux } from "../host/syscalls.ts";
import { ballastName, ballastSize, checkBallast, openBallast } from "./ballast.ts";

function place() {
  const root = scratchOfTest("ballast");
  return { root, runRoot: join(root, "run"), syscalls: linux, path: join(root, ballastName) };
}

test("a new store gets a ballast, and one that is short gets the rest of it", async () => {
  const { path, ...there } = place();
  (await openBallast(there, { giveUp: true }))[Symbol.dispose]();
  expect(statSync(path).size).toBe(ballastSize);
  truncateSync(path, 5);
  (await openBallast(there, { giveUp: false }))[Symbol.dispose]();
  expect(statSync(path).size).toBe(ballastSize);
});

test("as long as somebody needs the space of the ballast, nobody puts it back", async () => {
  const { path, ...there } = place();
  {
    using _needed = await lock(linux, join(there.runRoot, "ballast.lock"), { kind: "shared" });
    (await openBallast(there, { giveUp: false }))[Symbol.dispose]();
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  }
  (await openBallast(there, { giveUp: false }))[Symbol.dispose]();
  expect(statSync(path).size).toBe(ballastSize);
});

test.each([
  ["missing", 0],
  ["short", 7],
  ["long", ballastSize + 1],
])("a ballast that is %s is found and mended", async (_how, size) => {
  const { path, ...there } = place();
  (await openBallast(there, { giveUp: false }))[Symbol.dispose]();
  expect([...checkBallast(there)]).toEqual([]);
  rmSync(path);
  if (size > 0) writeFileSync(path, Buffer.alloc(size));
  const [problem] = [...checkBallast(there)];
  expect(problem).toMatchObject({ invariant: "R3", what: `ballast: ${size} bytes instead of ${ballastSize}` });
  expect(await problem?.mend?.()).toBe(true);
  expect([...checkBallast(there)]).toEqual([]);
});
