import { CliError } from "../cli-error.ts";
import { errorText, hintOf } from "../print-error.ts";

/**
 * What `run` says when it fails before the command runs, and `create` of wrong flags: `berth: …`, where to read more, and
 * Docker's exit code.
 */
export function runError(error: unknown, verb: "run" | "create" = "run"): CliError {
  // What the user interrupted has nothing to say.
  if (error instanceof CliError && (error.usage !== undefined || error.message === "")) return error;
  const [hint] = hintOf(error);
  return new CliError(`berth: ${errorText(error)}`, {
    code: exitCodeOf(error) ?? 125,
    usage: `Run 'berth ${verb} --help' for more information`,
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The exit code that an engine's error brings along: 126 or 127 when a command can't be started. */
export function exitCodeOf(error: unknown): number | undefined {
  return error instanceof Error && "exitCode" in error && typeof error.exitCode === "number"
    ? error.exitCode
    : undefined;
}
