import { afterAll, describe, expect, test } from "vitest";
import { crash } from "../crash/crash.ts";
import { many } from "../crash/many.ts";
import { openScenarios, scenarioNames } from "../crash/scenarios.ts";
import { openBerthWithBusybox } from "../support/berth.ts";
import { randomOf } from "../support/random.ts";
import { openRegistry } from "../support/registry.ts";

/** Faults for each command; `npm run soak` tries hundreds. */
const most = 7;

const berth = await openBerthWithBusybox();
const registry = await openRegistry();
afterAll(async () => {
  await berth[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});
const scenarios = await openScenarios(berth, registry);

describe("a store is whole, and the next command works, after", () => {
  test.each(scenarioNames)("%s is killed or runs out of disk at any call that writes", async (name) => {
    const random = randomOf(`crash ${name}`);
    const effects = ["SIGKILL", "ENOSPC", "SIGKILL", "EIO", "SIGKILL", "EDQUOT"] as const;
    const report = await crash(berth, scenarios[name], { most, random, effects });
    expect(report.problems).toEqual([]);
    expect(report.hit).toBeGreaterThan(0);
  });
});

test("many processes change one store at once", async () => {
  await using other = await openBerthWithBusybox();
  const { commands, problems } = await many(other, { processes: 12, end: { commands: 8 }, seed: "many" });
  expect(problems).toEqual([]);
  expect(Object.keys(commands).length).toBeGreaterThan(5);
});
