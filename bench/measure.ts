import { runProgram } from "../test/support/program.ts";
import type { Measurement } from "./measurements.ts";
import type { Engine } from "./peers.ts";
import { type EngineName, type Row, summarize, type Times } from "./results.ts";

/** The engines in the order in which they have their turns; undefined for one that doesn't run on this machine. */
export type Engines = ReadonlyMap<EngineName, Engine | undefined>;

/** How a row is measured. */
export interface Rounds {
  readonly engines: Engines;
  /** At most this many rounds. */
  readonly most: number;
  /** What is done in the state in which the last round was. */
  readonly last: () => Promise<void>;
}

/** An engine that takes part in a row, with its own commands, and its times so far. */
interface Runner {
  readonly args: readonly string[];
  readonly before: readonly (readonly string[])[];
  readonly name: EngineName;
  readonly engine: Engine | undefined;
  times: Times;
}

/**
 * One round that isn't counted, then rounds in which each has its turn, so that what else the machine does meets all.
 * Podman or Buildah is left out loudly where it fails. @throws where Docker or berth does
 */
export async function measure(measurement: Measurement, { engines, most, last }: Rounds): Promise<Row> {
  const { name, after, pairs = 99, end = [] } = measurement;
  const runners = runnersOf(engines, measurement);
  await measurement.prepare?.();
  for (const runner of runners) {
    for (const step of runner.before) await timed(runner, step);
  }
  for (let round = 0; round <= Math.min(pairs, most); round++) {
    for (const runner of runners) {
      measurement.reset?.();
      // What another engine left in memory would be written in this one's time: the disk is theirs together.
      await runProgram("sync", []);
      const time = await timed(runner, runner.args);
      if (time !== undefined && round > 0) runner.times = [...(runner.times ?? []), time];
    }
    if (after !== undefined) await each(runners, after);
  }
  measurement.reset?.();
  await last();
  for (const step of end) await each(runners, step);
  const row = summarize(name, new Map(runners.map((runner) => [runner.name, runner.times])));
  const shown = Object.entries(row.medians).map(([engine, median]) => `${engine} ${median} ms`);
  console.log(`${name}: ${shown.join(", ")}, ${row.ratio}x`);
  return row;
}

function runnersOf(engines: Engines, { args, before = [], podman = {}, buildah }: Measurement): readonly Runner[] {
  const runners: Runner[] = [];
  for (const [name, engine] of engines) {
    const own = name === "buildah" ? buildah : name === "podman" ? podman : {};
    if (own !== undefined) runners.push({ name, engine, args, before, ...own, times: engine && [] });
  }
  return runners;
}

async function each(runners: readonly Runner[], args: readonly string[]): Promise<void> {
  await Promise.all(runners.map((runner) => timed(runner, args)));
}

/** Milliseconds; undefined for an engine that can't, from the first failure on. */
async function timed(runner: Runner, args: readonly string[]): Promise<number | undefined> {
  if (runner.engine === undefined || runner.times === undefined) return undefined;
  const start = performance.now();
  const { code, stderr } = await runner.engine.run(args);
  const time = performance.now() - start;
  if (code === 0) return time;
  const failure = `${runner.name} ${args.join(" ")} failed with ${code}: ${stderr.trim().split("\n").at(-1)}`;
  if (runner.name === "docker" || runner.name === "berth") throw new Error(failure);
  console.log(`*** CAN'T be timed here: ${failure} ***`);
  runner.times = undefined;
  return undefined;
}
