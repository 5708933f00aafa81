// Times berth beside Debian's Docker in one run, in pairs, and writes bench/results.json and bench/results.md.
//   npm run bench                 all rows, nine pairs each
//   npm run bench -- --pairs 3    fewer pairs
//   npm run bench -- import ps    the rows whose names have one of these words
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { berthCommand } from "../test/support/berth.ts";
import { baseArchives } from "../test/support/images.ts";
import type { Outcome } from "../test/support/program.ts";
import { openTwins, type Twins } from "../test/support/twins.ts";
import { type Row, summarize, table } from "./results.ts";

interface Measurement {
  readonly name: string;
  /** At most this many pairs, for what takes long. */
  readonly pairs?: number;
  /** The timed command. */
  readonly args: readonly string[];
  /** Brings both to the same state before the first pair; untimed. */
  readonly before?: readonly (readonly string[])[];
  /** Brings both to the same state after each pair; untimed. */
  readonly after?: readonly string[];
}

const { values, positionals } = parseArgs({ options: { pairs: { type: "string" } }, allowPositionals: true });
await using twins = await openTwins();
if (twins === undefined) throw new Error("nothing to compare with");

const rows: Row[] = [];
for (const measurement of measurements(twins.berth.directory)) {
  if (positionals.length > 0 && !positionals.some((word) => measurement.name.includes(word))) continue;
  const row = await measure(twins, measurement, Number(values.pairs ?? 9));
  console.log(`${row.name}: berth ${row.berth} ms, Docker ${row.docker} ms, ${row.ratio}x`);
  rows.push(row);
}
const machine = `${cpus().length} CPUs (${cpus()[0]?.model ?? "unknown"}), Linux ${release()}, ${twins.docker.version}`;
writeFileSync(join(import.meta.dirname, "results.json"), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
writeFileSync(join(import.meta.dirname, "results.md"), table(machine, rows));
console.log(`written: bench/results.json and bench/results.md (${berthCommand})`);

function measurements(directory: string): readonly Measurement[] {
  const context = join(directory, "twenty-steps");
  mkdirSync(context);
  const steps = Array.from({ length: 20 }, (_, step) => `RUN echo ${step} > /step-${step}\n`);
  writeFileSync(join(context, "Dockerfile"), `FROM busybox\n${steps.join("")}`);
  const run = ["run", "--rm"];
  const build = ["build", "-q", "-t", "twenty"];
  return [
    { name: "run --rm --network none busybox true", args: [...run, "--network", "none", "busybox", "true"] },
    { name: "run --rm busybox true", args: [...run, "busybox", "true"] },
    { name: "build of 20 RUN steps, --no-cache", pairs: 5, args: [...build, "--no-cache", context] },
    { name: "build of 20 RUN steps, all cached", args: [...build, context] },
    {
      name: "import of Debian's tree",
      pairs: 3,
      args: ["import", baseArchives().debian, "tree"],
      after: ["rmi", "tree"],
    },
    {
      name: "save of Debian",
      pairs: 5,
      before: [["import", baseArchives().debian, "debian:saved"]],
      args: ["save", "-o", "saved.tar", "debian:saved"],
    },
    {
      name: "load of Debian",
      pairs: 5,
      // What was saved before goes first: its layer must not be there when it is loaded.
      before: [
        ["rmi", "debian:saved"],
        ["import", baseArchives().debian, "debian:saved"],
        ["save", "-o", "saved.tar", "debian:saved"],
        ["rmi", "debian:saved"],
      ],
      args: ["load", "-i", "saved.tar"],
      after: ["rmi", "debian:saved"],
    },
    { name: "--version", args: ["--version"] },
    { name: "ps", args: ["ps"] },
  ];
}

/** One pair that isn't counted, then pairs in turn, so that what else the machine does meets both. */
async function measure(
  { berth, docker }: Twins,
  { args, before = [], after, pairs = 99, name }: Measurement,
  most: number,
): Promise<Row> {
  const times = { berth: [] as number[], docker: [] as number[] };
  for (const each of before) await Promise.all([docker.run(each), berth.run(each)]);
  for (let pair = 0; pair <= Math.min(pairs, most); pair++) {
    const pairTimes = { docker: await timed(() => docker.run(args)), berth: await timed(() => berth.run(args)) };
    if (pair > 0) {
      times.docker.push(pairTimes.docker);
      times.berth.push(pairTimes.berth);
    }
    if (after !== undefined) await Promise.all([docker.run(after), berth.run(after)]);
  }
  return summarize(name, times);
}

/** Milliseconds. @throws when the command fails */
async function timed(run: () => Promise<Outcome>): Promise<number> {
  const start = performance.now();
  const { code, stderr } = await run();
  if (code !== 0) throw new Error(`a timed command failed with ${code}: ${stderr}`);
  return performance.now() - start;
}
