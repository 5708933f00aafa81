import { readFileSync } from "node:fs";
import { codeOf } from "../../base/errors.ts";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";

type Environment = Terminal["env"];

/** Read one `-e`. @throws {Error} in Docker's words, for the flag parser */
export function checkEnv(text: string): string {
  if (text === "" || text.startsWith("=")) throw new Error(`invalid environment variable: ${text}`);
  return text;
}

/**
 * The variables of `--env-file` and then `-e`, as `NAME=value`. A bare name takes its value from the user's environment;
 * where it has none there, the bare name stays, which takes the image's away.
 *
 * @throws {CliError} when a file can't be read or is malformed
 */
export function environmentOf(
  given: { readonly files: readonly string[]; readonly variables: readonly string[] },
  user: Environment,
): readonly string[] {
  const fromFiles = given.files.flatMap((file) => readVariables(file, user));
  return [...fromFiles, ...given.variables.map((line) => withValue(line, user))];
}

function withValue(line: string, user: Environment): string {
  const value = line.includes("=") ? undefined : user[line];
  return value === undefined ? line : `${line}=${value}`;
}

function readVariables(file: string, user: Environment): readonly string[] {
  const wrong = (reason: string): CliError => new CliError(`invalid env file (${file}): ${reason}`);
  return linesOf(file).flatMap((line) => {
    const equals = line.indexOf("=");
    const name = equals < 0 ? line : line.slice(0, equals);
    if (name === "") throw wrong(`no variable name on line '${line}'`);
    if (/\s/.test(name)) throw wrong(`variable '${name}' contains whitespaces`);
    if (equals >= 0) return [line];
    return user[name] === undefined ? [] : [withValue(line, user)];
  });
}

/** Labels of `--label-file` and then `--label`. A label without `=` is empty. @throws {CliError} when a file can't be read */
export function labelsOf(given: {
  readonly files: readonly string[];
  readonly labels: readonly string[];
}): Readonly<Record<string, string>> {
  const lines = [...given.files.flatMap(linesOf), ...given.labels];
  return Object.fromEntries(
    lines.map((line) => {
      const equals = line.indexOf("=");
      return equals < 0 ? [line, ""] : [line.slice(0, equals), line.slice(equals + 1)];
    }),
  );
}

/** Lines that are neither empty nor comments, without leading blanks. */
function linesOf(file: string): readonly string[] {
  const text = readText(file).replace(/^\uFEFF/, "");
  const lines = text.split(/\r?\n/).map((line) => line.trimStart());
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw new CliError(`open ${file}: no such file or directory`, { cause: error });
    throw error;
  }
}
