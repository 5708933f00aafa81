import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { codeOf, messageOf } from "../base/errors.ts";
import { CliError } from "./cli-error.ts";

/** Formats that a user has set for lists; each stands for the `--format` that isn't given. @see Docker CLI, `config.json` */
export interface ConfigFile {
  readonly psFormat?: string;
  readonly imagesFormat?: string;
}

/** Most bytes of the file. */
const limit = 1 << 20;

/**
 * Read the user's `config.json`: in `$DOCKER_CONFIG`, or else in `~/.docker`. Nothing is set where there is none.
 *
 * @throws {CliError} when it is no JSON object, or larger than a megabyte
 */
export function readConfigFile(env: Readonly<Record<string, string | undefined>>): ConfigFile {
  const directory = env["DOCKER_CONFIG"] || (env["HOME"] === undefined ? undefined : join(env["HOME"], ".docker"));
  if (directory === undefined) return {};
  const path = join(directory, "config.json");
  try {
    if (statSync(path).size > limit) throw new CliError(`${path}: larger than ${limit} bytes`);
    return formatsOf(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR" || codeOf(error) === "EACCES") return {};
    if (error instanceof SyntaxError) throw new CliError(`${path}: ${messageOf(error)}`, { cause: error });
    throw error;
  }
}

function formatsOf(value: unknown): ConfigFile {
  if (typeof value !== "object" || value === null) return {};
  const { psFormat, imagesFormat } = value as Record<string, unknown>;
  return {
    ...(typeof psFormat === "string" && psFormat !== "" ? { psFormat } : {}),
    ...(typeof imagesFormat === "string" && imagesFormat !== "" ? { imagesFormat } : {}),
  };
}
