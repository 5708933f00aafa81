// The long tier of the tests: faults at hundreds of system calls of each command, fifty processes at once, a hundred power
// losses, a huge directory and a huge file, every hostile archive and every build beside a real Docker, a thousand pulls and pushes through a proxy
// that fails, two hundred that are killed, two hundred builds that are interrupted. What it did and found goes into docs/soak.md, which is committed.
//   npm run soak                           all of it: hours
//   npm run soak -- crash --most 30        faults only, thirty of each command
//   npm run soak -- crash --verbs pull,push   faults of those commands only
//   npm run soak -- many --seconds 60      processes only
//   npm run soak -- power --losses 10      power losses only
//   npm run soak -- directory --files 100000   one directory of that many files only
//   npm run soak -- file --gib 9           one file of that size only
//   npm run soak -- hostile                every hostile archive, berth beside a real Docker, only
//   npm run soak -- differential           every build of test/differential/builds, berth beside BuildKit, only
//   npm run soak -- registry --runs 100    pulls and pushes through a faulty proxy only
//   npm run soak -- kills --kills 20       pulls and pushes that are killed only
//   npm run soak -- builds --builds 20     builds that are killed, cancelled or run out of disk only
// The last three end after --minutes 10, say how far they came, and go on there by --from 400.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openBerth, openBerthWithBusybox } from "../support/berth.ts";
import { randomOf } from "../support/random.ts";
import { openRegistry } from "../support/registry.ts";
import { bigFile, type Cost, manyFiles } from "./big.ts";
import { interruptedBuilds } from "./builds.ts";
import { crash } from "./crash.ts";
import { faulty, type Runs } from "./faulty.ts";
import { kills } from "./kills.ts";
import { many } from "./many.ts";
import { openScenarios, scenarioNames } from "./scenarios.ts";

/** What one part did and found, as lines of Markdown. */
interface Part {
  readonly title: string;
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    most: { type: "string", default: "300" },
    verbs: { type: "string", default: scenarioNames.join() },
    processes: { type: "string", default: "50" },
    seconds: { type: "string", default: "300" },
    losses: { type: "string", default: "100" },
    files: { type: "string", default: "100000" },
    runs: { type: "string", default: "1000" },
    kills: { type: "string", default: "200" },
    builds: { type: "string", default: "200" },
    from: { type: "string", default: "0" },
    minutes: { type: "string", default: "Infinity" },
    gib: { type: "string", default: "9" },
    seed: { type: "string", default: "soak" },
  },
});
const project = join(import.meta.dirname, "../..");
const soakPage = join(project, "docs/soak.md");
const parts = {
  crash: crashes,
  many: processes,
  power: powerLosses,
  directory: bigDirectory,
  file: bigSize,
  hostile: hostileArchives,
  differential: differentialBuilds,
  registry: faultyRegistry,
  kills: killedTransfers,
  builds: stoppedBuilds,
};
const wanted = Object.entries(parts).filter(([name]) => positionals.length === 0 || positionals.includes(name));

const results: Part[] = [];
for (const [, part] of wanted) results.push(await part());
write(results);
const problems = results.flatMap((part) => part.problems);
say(problems.length === 0 ? "soak: nothing was found" : `soak: ${problems.length} problems, see docs/soak.md`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function crashes(): Promise<Part> {
  const lines = ["| command | calls that write | faults | met | problems |", "|---|---:|---:|---:|---:|"];
  const found: string[] = [];
  const effects = ["SIGKILL", "SIGKILL", "SIGKILL", "ENOSPC", "EIO", "EDQUOT"] as const;
  const verbs = values.verbs.split(",");
  for (const name of scenarioNames) {
    if (!verbs.includes(name)) {
      lines.push(...writtenBefore(name));
      continue;
    }
    await using berth = await openBerthWithBusybox();
    await using registry = await openRegistry();
    const scenarios = await openScenarios(berth, registry);
    const random = randomOf(`${values.seed} ${name}`);
    const report = await crash(berth, scenarios[name], { most: Number(values.most), random, effects });
    lines.push(`| ${name} | ${report.points} | ${report.tried} | ${report.hit} | ${report.problems.length} |`);
    found.push(...report.problems.map((problem) => `${name}: ${problem}`));
    say(lines.at(-1) ?? "");
  }
  return { title: "Faults at system calls", lines, problems: found };
}

/** What docs/soak.md has of the faults of a command. */
function writtenBefore(command: string): readonly string[] {
  const row = new RegExp(`^\\| ${command} \\|(?: \\d+ \\|){4}$`, "gm");
  return readFileSync(soakPage, "utf8").match(row) ?? [];
}

async function processes(): Promise<Part> {
  await using berth = await openBerthWithBusybox();
  const processes = Number(values.processes);
  const end = { seconds: Number(values.seconds) };
  const { commands, problems: found } = await many(berth, { processes, end, seed: values.seed });
  const counts = Object.entries(commands).map(([verb, count]) => `${count} ${verb}`);
  const lines = [`${processes} processes for ${end.seconds} seconds: ${counts.join(", ")}.`];
  say(lines[0] ?? "");
  return { title: "Many processes at once", lines, problems: found };
}

async function powerLosses(): Promise<Part> {
  const args = ["--power-loss", values.losses, "--seed", values.seed];
  const { status, stdout } = spawnSync(join(project, "scripts/test-vm"), args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  say(last);
  return { title: "Power losses", lines: [`${values.losses} losses: ${last}`], problems: status === 0 ? [] : [stdout] };
}

async function bigDirectory(): Promise<Part> {
  await using berth = await openBerthWithBusybox();
  await using other = openBerth();
  const costs = await manyFiles(berth, other, Number(values.files));
  return costsPart("A directory of many files", `${values.files} files in one directory.`, costs);
}

async function bigSize(): Promise<Part> {
  await using berth = await openBerthWithBusybox();
  await using other = openBerth();
  const costs = await bigFile(berth, other, Number(values.gib) * 2 ** 30);
  return costsPart("A file of more than 8 GiB", `One file of ${values.gib} GiB, nearly all of it a hole.`, costs);
}

/** What the commands took; one that fails, or does the wrong thing, ends the soak. */
function costsPart(title: string, what: string, costs: readonly Cost[]): Part {
  const rows = costs.map(
    ({ command, seconds, mebibytes }) => `| ${command} | ${seconds.toFixed(1)} | ${mebibytes ?? ""} |`,
  );
  const lines = [what, "", "| command | seconds | MiB at most |", "|---|---:|---:|", ...rows];
  say(lines.join("\n"));
  return { title, lines, problems: [] };
}

async function hostileArchives(): Promise<Part> {
  return besideDocker("Hostile archives beside Docker", "hostile.test.ts", { HOSTILE_CASES: "all" });
}

async function differentialBuilds(): Promise<Part> {
  return besideDocker("Builds beside BuildKit", "builds.test.ts", { BUILD_CASES: "all" });
}

/** A file of differential tests with all of its cases. */
function besideDocker(title: string, file: string, whole: Readonly<Record<string, string>>): Part {
  const args = ["run", "--project", "differential", `test/differential/${file}`];
  const { status, stdout } = spawnSync(join(project, "node_modules/.bin/vitest"), args, {
    cwd: project,
    encoding: "utf8",
    env: { ...process.env, ...whole, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = `Tests: ${/^ *Tests +(.*)$/m.exec(stdout)?.[1] ?? "none ran"}.`;
  say(line);
  return { title, lines: [line], problems: status === 0 ? [] : [stdout] };
}

async function faultyRegistry(): Promise<Part> {
  const { runs, told: which } = someRuns(Number(values.runs));
  const { ends, faults, problems: found } = await faulty(runs);
  const told = Object.entries(ends).map(([end, count]) => `${count} ${end}`);
  const rows = Object.entries(faults).map(([fault, count]) => `| ${fault} | ${count} |`);
  const lines = [`${which()}: ${told.join(", ")}.`, "", "| fault | met |", "|---|---:|", ...rows.toSorted()];
  say(lines.join("\n"));
  return { title: "Pulls and pushes through a faulty proxy", lines, problems: found };
}

async function killedTransfers(): Promise<Part> {
  const { runs, told } = someRuns(Number(values.kills));
  const { killed, ended, found, moved, problems } = await kills(runs);
  const lines = [
    `${told()}: ${killed} were killed, once or several times, ${ended} had ended by then.`,
    `Those after them found ${found} bytes of blobs where they needed them, and moved the ${moved} that were missing.`,
  ];
  say(lines.join("\n"));
  return { title: "Pulls and pushes that are killed", lines, problems };
}

async function stoppedBuilds(): Promise<Part> {
  const { runs, told } = someRuns(Number(values.builds));
  const { ends, slowest, problems } = await interruptedBuilds(runs);
  const { kill = 0, cancel = 0, full = 0, ended = 0 } = ends;
  const lines = [
    `${told()}: ${kill} were killed, ${cancel} cancelled, ${full} lost all of the disk's space, ${ended} had ended by then.`,
    `One that was cancelled took ${Math.round(slowest)} ms at most to end; the next build made the same image each time.`,
  ];
  say(lines.join("\n"));
  return { title: "Builds that are interrupted", lines, problems };
}

/** As many runs as there are from `--from` on, or fit in `--minutes`; and in the end, which these were. */
function someRuns(all: number): { readonly runs: Runs; readonly told: () => string } {
  const from = Number(values.from);
  const end = performance.now() + Number(values.minutes) * 60_000;
  let begun = 0;
  const goesOn = (left: number): boolean => {
    if (left === 0 || performance.now() > end) return false;
    begun++;
    if (begun % 50 === 0) say(`${from + begun} of ${all}`);
    return true;
  };
  const told = (): string => `Commands ${from + 1} to ${from + begun} of ${all}`;
  return { runs: { seed: values.seed, runs: all - from, from, goesOn }, told };
}

/** Parts that weren't run stay as they were. */
function write(done: readonly Part[]): void {
  const sections = readFileSync(soakPage, "utf8").split(/^(?=## )/m);
  for (const { title, lines, problems: found } of done) {
    const told =
      found.length === 0 ? ["Nothing was found."] : found.map((text) => `- ${text.trim().split("\n").join("\n  ")}`);
    const day = new Date().toISOString().slice(0, 10);
    const text = [`## ${title}`, "", `On ${day}, seed \`${values.seed}\`.`, "", ...lines, "", ...told, ""].join("\n");
    const index = sections.findIndex((section) => section.startsWith(`## ${title}\n`));
    if (index < 0) sections.push(text);
    else sections[index] = text;
  }
  writeFileSync(soakPage, `${sections.map((section) => section.trimEnd()).join("\n\n")}\n`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
