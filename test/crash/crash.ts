import type { Berth } from "../support/berth.ts";
import type { Random } from "../support/random.ts";
import { type Effect, type Point, pointsOf, runWithFault } from "./faults.ts";
import type { Scenario } from "./scenarios.ts";

/** What came of the faults of one scenario. */
export interface CrashReport {
  /** Points of the command, and how many were tried. */
  readonly points: number;
  readonly tried: number;
  /** Of those tried, how many a fault met: threads differ from run to run. */
  readonly hit: number;
  /** One sentence each. */
  readonly problems: readonly string[];
}

/** Put faults into a scenario's command, one after the other, and look at the store after each. */
export async function crash(
  berth: Berth,
  scenario: Scenario,
  options: { readonly most: number; readonly random: Random; readonly effects: readonly Effect[] },
): Promise<CrashReport> {
  await scenario.prepare();
  const points = await pointsOf(berth, scenario.args);
  const sample = choose(points, options.most, options.random);
  const problems: string[] = [];
  let hit = 0;
  for (const [index, point] of sample.entries()) {
    const effect = options.effects[index % options.effects.length] ?? "SIGKILL";
    const where = `${effect} at ${point.call} ${point.when}`;
    try {
      await scenario.prepare();
      if (await survives(berth, scenario, { point, effect })) hit++;
    } catch (error) {
      problems.push(`${where}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { points: points.length, tried: sample.length, hit, problems };
}

/** @returns true when the fault met the command @throws when the store isn't as it should be afterwards */
async function survives(
  berth: Berth,
  scenario: Scenario,
  fault: { readonly point: Point; readonly effect: Effect },
): Promise<boolean> {
  const { code, hit, hung, stderr } = await runWithFault(berth, scenario.args, fault);
  if (hit && hung) throw new Error("it hangs");
  if (fault.effect !== "SIGKILL" && hit && code !== 0 && /\n\s+at /.test(stderr)) throw new Error(`a bug: ${stderr}`);
  const check = await berth.run(["system", "check"]);
  if (check.code !== 0) throw new Error(`system check: ${check.stdout}${check.stderr}`);
  if (code === 0) await scenario.verify();
  await scenario.prepare();
  await berth.out(scenario.args);
  await scenario.verify();
  return hit;
}

/** Up to `most` of them, spread by the seed, in their order. */
function choose(points: readonly Point[], most: number, random: Random): readonly Point[] {
  const marked = points.map((point, index) => ({ point, index, weight: random() }));
  const chosen = marked.sort((a, b) => a.weight - b.weight).slice(0, most);
  return chosen.sort((a, b) => a.index - b.index).map(({ point }) => point);
}
