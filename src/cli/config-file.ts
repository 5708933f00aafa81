import { codeOf, isKind, messageOf } from "../base/errors.ts";
import type { JsonObject } from "../base/json-object.ts";
import { dockerConfigPath, type Env, readJsonFile } from "../host/docker-config.ts";
import { CliError } from "./cli-error.ts";

/** Formats that a user has set for lists; each stands for the `--format` that isn't given. @see Docker CLI, `config.json` */
export interface ConfigFile {
  readonly psFormat?: string;
  readonly imagesFormat?: string;
}

/**
 * Read the user's `config.json`. Nothing is set where there is none, or it may not be read.
 *
 * @throws {CliError} when it is no JSON object, or larger than a megabyte
 */
export function readConfigFile(env: Env): ConfigFile {
  const path = dockerConfigPath(env);
  if (path === undefined) return {};
  try {
    return formatsOf(readJsonFile(path) ?? {});
  } catch (error) {
    if (codeOf(error) === "EACCES") return {};
    if (isKind(error, "invalid-argument")) throw new CliError(messageOf(error), { cause: error });
    throw error;
  }
}

function formatsOf({ psFormat, imagesFormat }: JsonObject): ConfigFile {
  return {
    ...(typeof psFormat === "string" && psFormat !== "" ? { psFormat } : {}),
    ...(typeof imagesFormat === "string" && imagesFormat !== "" ? { imagesFormat } : {}),
  };
}
