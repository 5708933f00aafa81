import { expect, test } from "vitest";
import { faulty } from "../crash/faulty.ts";
import { kills } from "../crash/kills.ts";

test("a pull or a push through a connection that fails in any way does what it says, or changes nothing", async () => {
  const { ends, faults, problems } = await faulty({ runs: 50, seed: "faulty" });
  expect(problems).toEqual([]);
  expect(Object.keys(faults).length).toBeGreaterThan(5);
  expect(Math.min(ends.pulled, ends.pushed, ends["pull failed"] + ends["push failed"])).toBeGreaterThan(0);
});

test("a pull or a push that was killed at any moments is done by the next one, which moves what is missing and no byte more", async () => {
  const { killed, found, problems } = await kills({ runs: 20, seed: "kills" });
  expect(problems).toEqual([]);
  // Where the test is slow to kill, some have ended by then.
  expect(killed).toBeGreaterThan(3);
  expect(found).toBeGreaterThan(0);
});
