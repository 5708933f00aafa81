import { asFullDisk, BerthError, isKind } from "../../base/errors.ts";
import { BuildError } from "../../build/build-error.ts";
import { withoutCredentials } from "../../build/redact.ts";
import { CliError } from "../cli-error.ts";
import { failureText } from "../progress/failure.ts";

/** What a build's failure is told as, in BuildKit's form; what is no failure of the build's stays as it is. */
export function failureOf(thrown: unknown): unknown {
  const error = asFullDisk(thrown);
  // What came first is the build's failure, what came of cleaning up is told after it.
  if (error instanceof SuppressedError) return new SuppressedError(error.error, failureOf(error.suppressed));
  if (!(error instanceof BerthError) || isKind(error, "canceled")) return error;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  if (
    /^(unable to prepare context|ambiguous Dockerfile source|failed to get build context|invalid context|failed to convert agent)/.test(
      error.message,
    )
  )
    return new CliError(`ERROR: ${error.message}`, { cause: error, ...hint });
  const { step, output, source, span } = error instanceof BuildError ? error : noPlace;
  // A log that shows the lines to blame is read by others than the author.
  const text = source === undefined ? "" : withoutCredentials(source.text);
  const told = failureText({
    message: error.message,
    ...(step === undefined ? {} : { step: { name: step, output } }),
    ...(source === undefined || span === undefined ? {} : { source: { ...source, text, lines: span } }),
  });
  return new CliError(told, { cause: error, ...hint });
}

const noPlace = { step: undefined, output: [], source: undefined, span: undefined };
