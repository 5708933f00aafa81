import { shortID } from "../../base/ids.ts";
import type { KeptStep } from "../../build/kept-steps.ts";
import { CliError } from "../cli-error.ts";
import type { PastBuild, PastStep } from "../engine-types.ts";

/**
 * The failed step that words name: the newest without any; of a build, by the beginning of its ID; and of that by its number
 * (`2/4`), its line in the Dockerfile, or a part of its text.
 *
 * @param steps the newest first
 * @throws {CliError} when there is none, or more than one
 */
export function findFailedStep(steps: readonly KeptStep[], words: readonly string[]): KeptStep {
  const [build, step] = words;
  const [newest] = steps;
  if (newest === undefined) throw new CliError("ERROR: no failed step is kept", { hint: onlyFailed });
  const ofBuild = build === undefined ? [newest] : steps.filter(({ buildID }) => buildID.startsWith(build));
  if (ofBuild.length === 0) throw new CliError(`ERROR: no failed step of a build ${build} is kept`, { hint: listed });
  const found = step === undefined ? ofBuild : ofBuild.filter((each) => isNamed(each, step));
  const [only, ...more] = found;
  if (only === undefined) throw new CliError(`ERROR: no failed step ${step} is kept of that build`, { hint: listed });
  if (new Set(found.map(({ buildID }) => buildID)).size > 1)
    throw new CliError(`ERROR: several builds begin with ${build}`, { hint: listed });
  if (more.length > 0)
    throw new CliError(`ERROR: several steps of build ${shortID(only.buildID)} failed: say which`, { hint: listed });
  return only;
}

/** Whether a build has a failed step that is kept, and that a word names where there is one. */
export function hasFailedStep(steps: readonly KeptStep[], buildID: string, word: string | undefined): boolean {
  return steps.some((step) => step.buildID === buildID && (word === undefined || isNamed(step, word)));
}

/**
 * The step of a recorded build that a word names, as {@link findFailedStep}; of several the `RUN`s count.
 *
 * @throws {CliError} when there is none, or more than one
 */
export function findPastStep({ id, recorded }: PastBuild, word: string | undefined): PastStep {
  const inspected = `\`berth builds inspect ${shortID(id)}\` lists its steps.`;
  if (word === undefined)
    throw new CliError(`ERROR: no failed step is kept of build ${shortID(id)}: say which step`, { hint: inspected });
  const lineOf = ({ span, ...step }: PastStep) => ({ ...step, ...(span === undefined ? {} : { line: span.start }) });
  const named = recorded.filter((step) => isNamed(lineOf(step), word));
  const runs = named.filter(({ op }) => op === "exec");
  const [only, ...more] = runs.length > 0 ? runs : named;
  if (only === undefined) throw new CliError(`ERROR: build ${shortID(id)} has no step ${word}`, { hint: inspected });
  if (more.length === 0) return only;
  throw new CliError(`ERROR: several steps of build ${shortID(id)} are called ${word}: say which`, { hint: inspected });
}

const listed = "`berth build shell --list` shows what is kept.";
const onlyFailed =
  "`berth build shell BUILD STEP` opens any RUN step of an earlier build. A RUN step whose command fails is kept, the newest five of them unless the settings say otherwise (kept-build-steps).";

function isNamed({ name, line }: Pick<KeptStep, "name" | "line">, text: string): boolean {
  const number = /^\[[^\]]*?(\d+\/\d+)\]/.exec(name)?.[1];
  return text === number || text === number?.split("/")[0] || text === String(line ?? "") || name.includes(text);
}
