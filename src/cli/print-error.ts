import { asFullDisk, BerthError, codeOf, messageOf } from "../base/errors.ts";
import { CliError } from "./cli-error.ts";
import { printableLines } from "./format/printable.ts";
import type { Terminal } from "./terminal/terminal.ts";

/**
 * Print what was thrown as Docker's client prints it, then the hint. Names of an archive or a registry in it tell a terminal nothing.
 * With `debug`, bugs are shown with their stack.
 *
 * @returns the exit code
 */
export function printError(io: Pick<Terminal, "stderr">, error: unknown, debug = false): number {
  const each = errorsIn(error);
  const lines = each.map(errorText).filter((line) => line !== "");
  for (const line of new Set(lines)) io.stderr.write(`${printableLines(line)}\n`);
  for (const hint of new Set(each.flatMap(hintOf))) io.stderr.write(`hint: ${printableLines(hint)}\n`);
  if (debug && error instanceof Error) io.stderr.write(`${error.stack ?? ""}\n`);
  const [first] = error instanceof SuppressedError ? each : [error];
  return first instanceof CliError ? first.code : 1;
}

/** One after the other; what failed first comes before what failed when that was cleaned up. */
function errorsIn(error: unknown): readonly unknown[] {
  if (error instanceof AggregateError) return error.errors;
  return error instanceof SuppressedError ? [...errorsIn(error.suppressed), ...errorsIn(error.error)] : [error];
}

/** The text of an error, with the usage line where it has one. Docker's clients grep for what stands in front of the engine's own. */
export function errorText(error: unknown): string {
  if (error instanceof CliError)
    return error.usage === undefined ? error.message : `${error.message}\n\n${error.usage}`;
  if (error instanceof BerthError) return `Error response from daemon: ${error.message}`;
  return systemErrorText(error) ?? messageOf(error);
}

/** Of what Node calls otherwise than Linux, and so Docker. */
const linuxTexts: Readonly<Record<string, string>> = {
  EBUSY: "device or resource busy",
  EEXIST: "file exists",
  EIO: "input/output error",
  EISDIR: "is a directory",
};

/** A failed system call as Docker tells it: `open /x: no such file or directory`. Node puts it the other way round. */
function systemErrorText(error: unknown): string | undefined {
  const code = codeOf(error) ?? "";
  const parts = /^\w+: (?<text>[^,]+), (?<call>\w+)(?: '(?<path>.*?)')?(?: -> '(?<to>.*)')?$/s.exec(
    messageOf(error),
  )?.groups;
  if (parts === undefined || !messageOf(error).startsWith(`${code}: `)) return undefined;
  const { text = "", call, path, to } = parts;
  return `${[call, path, to].filter((part) => part !== undefined).join(" ")}: ${linuxTexts[code] ?? text}`;
}

/** The hint of an error, as a list of at most one. */
export function hintOf(thrown: unknown): readonly string[] {
  const error = asFullDisk(thrown);
  const hint = error instanceof CliError || error instanceof BerthError ? error.hint : undefined;
  return hint === undefined ? [] : [hint];
}
