import { BerthError } from "../../base/errors.ts";
import { type Platform, parsePlatform } from "../../oci/platform.ts";
import { CliError } from "../cli-error.ts";
import type { Flag } from "../flags/flag.ts";

/** `--platform`: a list with commas, that can be given many times. */
export function platformList(description: string): Flag<readonly string[]> {
  return {
    description,
    valueName: "stringSlice",
    initial: [],
    read: (given, before) => [...before, ...(given === "" ? [] : given.split(","))],
  };
}

/** Read what was given to {@link platformList}. @param failure as {@link readPlatform} has it. @throws {CliError} in Docker's words */
export function parsePlatforms(texts: readonly string[], failure?: string): readonly Platform[] {
  return texts.map((text) => readPlatform(text, failure));
}

/** Read a `--platform` of one. @param failure what is said before the reason. @throws {CliError} in Docker's words */
export function readPlatform(text: string, failure: string = "invalid platform: "): Platform {
  try {
    return parsePlatform(text);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new CliError(`${failure}${error.message}`, { cause: error });
  }
}
