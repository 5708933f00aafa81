// Builds the Dockerfile corpus that lies beside the project with bin/berth, prints how many cases end as Docker's did, and
// writes test/corpus/results.json and results.md. Fails when a case crashed or hung, or the score is lower than the committed one.
//   npm run corpus                          all cases
//   npm run corpus -- --filter copy -j 4    those whose names match, four at a time; writes nothing
//   npm run corpus -- --directory DIR       the corpus is in DIR
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { enterPrivateNetwork } from "../support/private-network.ts";
import { type CorpusRun, corpusDirectory, missingCorpus, runCorpus } from "./corpus.ts";
import { compareScores, type Score, scoreOf, scoreTable } from "./score.ts";

const results = join(import.meta.dirname, "results.json");
const { values } = parseArgs({
  options: { directory: { type: "string" }, filter: { type: "string" }, jobs: { type: "string", short: "j" } },
});
const directory = resolve(values.directory ?? corpusDirectory);
const missing = missingCorpus(directory);
if (missing === undefined) process.exitCode = report(await run());
else console.log(`*** SKIPPED: ${missing} ***`);

async function run(): Promise<CorpusRun> {
  enterPrivateNetwork();
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"])
    process.once(signal, () => stopped.abort(new Error(`stopped by ${signal}`)));
  const filter = new RegExp(values.filter ?? "");
  return await runCorpus({
    directory,
    jobs: Number(values.jobs ?? availableParallelism()),
    select: (names) => names.filter((name) => filter.test(name)),
    onCase: (done, all) => {
      if (done % 50 === 0) console.error(`${done} of ${all}`);
    },
    signal: stopped.signal,
  });
}

/** @returns the exit code */
function report({ outcomes, endless }: CorpusRun): number {
  const score = scoreOf(outcomes, endless);
  const { lost, gained } = compareScores(committed() ?? score, outcomes);
  if (values.filter === undefined) {
    writeFileSync(results, `${JSON.stringify(score, null, 2)}\n`);
    writeFileSync(join(import.meta.dirname, "results.md"), scoreTable(score));
  }
  console.log(scoreTable(score));
  for (const name of gained) console.log(`passes now: ${name}`);
  for (const name of lost) console.log(`passed before: ${name}`);
  const isWorse = lost.length > gained.length;
  if (isWorse) console.log(`the score is ${lost.length - gained.length} lower than the committed one`);
  return isWorse || Object.keys(score.badEnds).length > 0 ? 1 : 0;
}

/** The score that the last commit holds, or the file where there is no git; undefined when there was none yet. */
function committed(): Score | undefined {
  const text = fromGit() ?? (existsSync(results) ? readFileSync(results, "utf8") : undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Score);
}

function fromGit(): string | undefined {
  try {
    const show = ["show", "HEAD:./results.json"];
    return execFileSync("git", show, {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    // No git, no repository, or a first result.
    return undefined;
  }
}
