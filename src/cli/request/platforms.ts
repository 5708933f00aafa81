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
    read: (given, before) => [...before, ...given.split(",")],
  };
}

/** Read what was given to {@link platformList}. @throws {CliError} in Docker's words */
export function parsePlatforms(texts: readonly string[]): readonly Platform[] {
  return texts.map((text) => {
    try {
      return parsePlatform(text);
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      throw new CliError(`invalid platform: ${error.message}`, { cause: error });
    }
  });
}
