import { BerthError } from "../base/errors.ts";
import { parseReference, type Reference } from "../oci/reference.ts";

/** What an image's name in a Dockerfile says. @throws {BerthError} invalid-argument, with BuildKit's text */
export function referenceOf(name: string): Reference {
  try {
    return parseReference(name);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new BerthError("invalid-argument", `failed to parse stage name ${JSON.stringify(name)}: ${error.message}`, {
      cause: error,
    });
  }
}
