// Times berth beside Debian's Docker, Podman and Buildah in one run, in turn, and writes bench/results.json, bench/results.md
// and the table of README.md. On a machine that does nothing else.
//   npm run bench                 all rows, nine rounds each
//   npm run bench -- --pairs 3    fewer rounds
//   npm run bench -- import ps    only the rows whose names have one of these words: printed, not written
//   npm run bench -- --out DIR    results.json and results.md are written there, and nothing else
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Berth } from "../test/support/berth.ts";
import { openRegistry } from "../test/support/registry.ts";
import { openTwins } from "../test/support/twins.ts";
import { type Engines, measure } from "./measure.ts";
import { type Measurement, measurements } from "./measurements.ts";
import { diskFigure, peakOf } from "./own.ts";
import { type Engine, openBuildah, openPodman } from "./peers.ts";
import { type EngineName, type Figure, page, type Row } from "./results.ts";

const options = { pairs: { type: "string" }, out: { type: "string" } } as const;
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const wanted = (name: string): boolean => positionals.length === 0 || positionals.some((word) => name.includes(word));

const rows: Row[] = [];
const figures: Figure[] = [];
// With stores of its own, which are gone before the others are there.
if (wanted("disk")) figures.push(await diskFigure());

await using twins = await openTwins();
if (twins === undefined) throw new Error("nothing to compare with");
await using podman = await openPodman();
await using buildah = await openBuildah();
// In the network that the engines are in since they were opened.
await using registry = await openRegistry();
const target = {
  host: registry.host,
  reset: () => rmSync(join(registry.data, "docker"), { recursive: true, force: true }),
};
const engines: Engines = new Map<EngineName, Engine | undefined>([
  ["docker", twins.docker],
  ["berth", twins.berth],
  ["podman", podman],
  ["buildah", buildah],
]);
for (const measurement of measurements(twins.berth, target)) {
  if (!wanted(measurement.name)) continue;
  rows.push(
    await measure(measurement, {
      engines,
      most: Number(values.pairs ?? 9),
      last: () => takeMemory(twins.berth, measurement),
    }),
  );
}
const versions = [twins.docker, podman, buildah].flatMap((engine) => engine?.version ?? []).join(", ");
const machine = `${cpus().length} CPUs (${cpus()[0]?.model ?? "unknown"}), Linux ${release()}, ${versions}`;
const text = page({ machine, rows, figures });
if (values.out !== undefined) writeResults(values.out);
else if (positionals.length > 0) console.log(text);
else publish();

async function takeMemory(berth: Berth, { name, args, after, memory }: Measurement): Promise<void> {
  if (memory !== true) return;
  figures.push({ name: `memory of ${name}`, values: { berth: `${await peakOf(berth, args)} MiB` }, aim: "200 MiB" });
  if (after !== undefined) await berth.out(after);
}

function writeResults(directory: string): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "results.json"), `${JSON.stringify({ machine, rows, figures }, null, 2)}\n`);
  writeFileSync(join(directory, "results.md"), text);
  console.log(`written: results.json and results.md in ${directory}`);
}

function publish(): void {
  writeResults(import.meta.dirname);
  const readme = join(import.meta.dirname, "../README.md");
  const [start, end] = ["<!-- bench -->\n", "<!-- /bench -->"];
  const [before = "", , after = ""] = readFileSync(readme, "utf8").split(new RegExp(`(?<=${start})|(?=${end})`));
  writeFileSync(readme, `${before}\n${text}\n${after}`);
  console.log("written: README.md");
}
