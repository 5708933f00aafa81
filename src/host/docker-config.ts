import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { isObject, type JsonObject } from "../base/json-object.ts";

/** The variables of a process. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Most bytes of a file. */
const limit = 1 << 20;

/** Path of the file of Docker's client: `config.json` in `$DOCKER_CONFIG`, else in `~/.docker`; undefined without a home. */
export function dockerConfigPath(env: Env): string | undefined {
  const directory = env["DOCKER_CONFIG"] || (env["HOME"] ? join(env["HOME"], ".docker") : undefined);
  return directory === undefined ? undefined : join(directory, "config.json");
}

/**
 * Read a JSON object from a file of the user's.
 *
 * @returns undefined where there is no file
 * @throws {BerthError} invalid-argument, naming the file, when it is no JSON object, or larger than a megabyte
 * @throws the system's error when it can't be read
 */
export function readJsonFile(path: string): JsonObject | undefined {
  const text = textOf(path);
  if (text === undefined) return undefined;
  // As Docker, which writes such a file when it is interrupted at the first time.
  if (text.trim() === "") return {};
  const value = parsed(path, text);
  if (!isObject(value)) throw new BerthError("invalid-argument", `${path}: not a JSON object`);
  return value;
}

function textOf(path: string): string | undefined {
  try {
    if (statSync(path).size > limit) throw new BerthError("invalid-argument", `${path}: larger than ${limit} bytes`);
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** What a parser says of wrong JSON quotes it, and it may hold a password: only the place is told. */
function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const place = /\(line \d+ column \d+\)|at position \d+/.exec(error.message)?.[0];
    throw new BerthError("invalid-argument", `${path}: not valid JSON${place === undefined ? "" : ` ${place}`}`);
  }
}
