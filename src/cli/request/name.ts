import { BerthError } from "../../base/errors.ts";
import { parseReference, type Reference, withDefaultTag } from "../../oci/reference.ts";
import { CliError } from "../cli-error.ts";

/** Read a name that an image is to get, before anything is done. @param tell what is said of a malformed one @throws {CliError} */
export function parseName(text: string, tell: (reason: string) => string = (reason) => reason): Reference {
  return withDefaultTag(parsedName(text, tell));
}

/** {@link parseName} without a default tag. @throws {CliError} */
export function parsedName(text: string, tell: (reason: string) => string = (reason) => reason): Reference {
  try {
    return parseReference(text);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new CliError(tell(error.message), {
      cause: error,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}
