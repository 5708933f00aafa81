import type { ReadyTarget } from "../../bake/definition/targets.ts";
import type { BuildOptions } from "../../build/build.ts";
import { CliError } from "../cli-error.ts";
import { type BuildRequest, buildContextPlace, buildRequest } from "../commands/build.ts";
import { failureOf } from "../commands/build-failure.ts";
import { FlagError, parseFlags } from "../flags/parse.ts";
import { type BuildValues, buildFlags, missingBuildFlags } from "../request/build-flags.ts";
import { isProgram } from "../request/import-program.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { buildArguments } from "./arguments.ts";
import { withPrefix } from "./prefixed.ts";

/** A target as `berth build` would have it. */
export interface TargetBuild {
  readonly name: string;
  /** As given. */
  readonly context: string;
  readonly values: BuildValues;
  readonly options: BuildOptions;
  readonly outputs: BuildRequest["outputs"];
}

/** Read a target as a command line of `build`: what that refuses, this refuses. @throws {CliError} */
export async function targetBuild(name: string, target: ReadyTarget, io: Terminal): Promise<TargetBuild> {
  if (target.context === "-") throw new CliError("ERROR: context from stdin not allowed in bake");
  if (target.dockerfile === "-") throw new CliError("ERROR: dockerfile from stdin not allowed in bake");
  if (isProgram(target.dockerfile ?? ""))
    throw new CliError(
      `ERROR: target ${name}: dockerfile ${target.dockerfile} is a program, which a definition can't run`,
      {
        hint: "`berth build -f` builds the stages of a TypeScript file.",
      },
    );
  const values = parsedValues(name, buildArguments(target));
  try {
    const { options: asked, outputs } = buildRequest(values, target.context, io);
    const place = await buildContextPlace(target.context, values.file, io);
    const inline = target["dockerfile-inline"];
    const options: BuildOptions = {
      ...asked,
      ...place,
      ...(inline === undefined ? {} : { dockerfileText: inline }),
    };
    return { name, context: target.context, values, options, outputs };
  } catch (error) {
    throw ofTarget(error, name);
  }
}

function parsedValues(name: string, words: readonly string[]): BuildValues {
  try {
    const { values } = parseFlags({ ...missingBuildFlags, ...buildFlags }, words, { interspersed: true });
    // The parser fills one value per flag from that flag's own `initial` and `read`.
    return values as unknown as BuildValues;
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    throw new CliError(`ERROR: target ${name}: ${error.message}`, { cause: error });
  }
}

/** A failure of one of several targets, with its name. */
export function ofTarget(error: unknown, target: string): unknown {
  const failure = failureOf(error);
  if (!(failure instanceof CliError) || failure.message === "") return failure;
  const message = failure.message
    .replace(/^ERROR: (?!target )/m, `ERROR: target ${target}: `)
    .replace(/^ > (.*):$/m, (_, step: string) => ` > ${withPrefix(target, step)}:`);
  const { code, hint } = failure;
  return new CliError(message, { code, cause: error, ...(hint === undefined ? {} : { hint }) });
}
