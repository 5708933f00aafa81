import { shortID } from "../../base/ids.ts";
import type { KeptStep } from "../../build/kept-steps.ts";
import { CliError } from "../cli-error.ts";

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

const listed = "`berth build shell --list` shows what is kept.";
const onlyFailed =
  "A RUN step whose command fails is kept, the newest five of them unless the settings say otherwise (kept-build-steps).";

function isNamed({ name, line }: KeptStep, text: string): boolean {
  const number = /^\[[^\]]*?(\d+\/\d+)\]/.exec(name)?.[1];
  return text === number || text === number?.split("/")[0] || text === String(line ?? "") || name.includes(text);
}
