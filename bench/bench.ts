// Times berth beside Debian's Docker, Podman and Buildah in one run, in turn, and writes bench/results.json, bench/results.md
// and the table of README.md. On a machine that does nothing else.
//   npm run bench                 all rows, nine rounds each
//   npm run bench -- --pairs 3    fewer rounds
//   npm run bench -- import ps    only the rows whose names have one of these words: printed, not written
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Outcome } from "../test/support/program.ts";
import { openTwins } from "../test/support/twins.ts";
import { type Measurement, measurements } from "./measurements.ts";
import { diskFigure, peakOf } from "./own.ts";
import { type Engine, openBuildah, openPodman } from "./peers.ts";
import { type EngineName, type Figure, page, type Row, summarize, type Times } from "./results.ts";

const { values, positionals } = parseArgs({ options: { pairs: { type: "string" } }, allowPositionals: true });
await using twins = await openTwins();
if (twins === undefined) throw new Error("nothing to compare with");
await using podman = await openPodman();
await using buildah = await openBuildah();
const engines: ReadonlyMap<EngineName, Engine> = new Map<EngineName, Engine>([
  ["docker", twins.docker],
  ["berth", twins.berth],
  ["podman", podman],
  ["buildah", buildah],
]);

const rows: Row[] = [];
const figures: Figure[] = [];
const wanted = (name: string): boolean => positionals.length === 0 || positionals.some((word) => name.includes(word));
for (const measurement of measurements(twins.berth.directory)) {
  if (!wanted(measurement.name)) continue;
  rows.push(await measure(measurement, Number(values.pairs ?? 9)));
  if (measurement.memory === true) {
    const name = `memory of ${measurement.name}`;
    figures.push({ name, value: `${await peakOf(twins.berth, measurement.args)} MiB`, aim: "200 MiB" });
    if (measurement.after !== undefined) await twins.berth.run(measurement.after);
  }
}
if (wanted("bytes")) figures.push(await diskFigure());
const versions = [twins.docker.version, podman.version, buildah.version].join(", ");
const machine = `${cpus().length} CPUs (${cpus()[0]?.model ?? "unknown"}), Linux ${release()}, ${versions}`;
const text = page({ machine, rows, figures });
if (positionals.length > 0) console.log(text);
else publish();

function publish(): void {
  writeFileSync(join(import.meta.dirname, "results.json"), `${JSON.stringify({ machine, rows, figures }, null, 2)}\n`);
  writeFileSync(join(import.meta.dirname, "results.md"), text);
  const readme = join(import.meta.dirname, "../README.md");
  const [start, end] = ["<!-- bench -->\n", "<!-- /bench -->"];
  const [before = "", , after = ""] = readFileSync(readme, "utf8").split(new RegExp(`(?<=${start})|(?=${end})`));
  writeFileSync(readme, `${before}\n${text}\n${after}`);
  console.log("written: bench/results.json, bench/results.md and README.md");
}

/** One round that isn't counted, then rounds in which each has its turn, so that what else the machine does meets all. */
async function measure({ name, args, before = [], after, pairs = 99 }: Measurement, most: number): Promise<Row> {
  const verb = args[0] ?? "";
  const able = new Map(
    [...engines].filter(([engine]) => engine !== "buildah" || ["build", "--version"].includes(verb)),
  );
  for (const step of before) await Promise.all([...able.values()].map((engine) => engine.run(step)));
  const times = new Map<EngineName, Times>([...able.keys()].map((engine) => [engine, []]));
  for (let round = 0; round <= Math.min(pairs, most); round++) {
    for (const [engine, { run }] of able) {
      const time = await timed(
        () => run(args),
        `${engine} ${args.join(" ")}`,
        engine === "podman" || engine === "buildah",
      );
      const earlier = times.get(engine);
      if (time === undefined) {
        times.set(engine, undefined);
        able.delete(engine);
      } else if (round > 0 && earlier !== undefined) times.set(engine, [...earlier, time]);
    }
    if (after !== undefined) await Promise.all([...able.values()].map((engine) => engine.run(after)));
  }
  const row = summarize(name, times);
  console.log(
    `${name}: ${Object.entries(row.medians)
      .map(([engine, each]) => `${engine} ${each} ms`)
      .join(", ")}, ${row.ratio}x`,
  );
  return row;
}

/** Milliseconds; undefined, and a loud line, for what may fail and does. @throws when another command fails */
async function timed(run: () => Promise<Outcome>, what: string, mayFail: boolean): Promise<number | undefined> {
  const start = performance.now();
  const { code, stderr } = await run();
  if (code === 0) return performance.now() - start;
  if (!mayFail) throw new Error(`${what} failed with ${code}: ${stderr}`);
  console.log(`*** ${what} can't be timed here: ${stderr.trim().split("\n").at(-1)} ***`);
  return undefined;
}
