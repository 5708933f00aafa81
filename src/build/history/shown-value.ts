import { namesSecret } from "../../dockerfile/lint.ts";
import { digestOf } from "../../oci/digest.ts";
import { withoutCredentials } from "../redact.ts";

/** Longest value that is kept as it is, characters. */
const longest = 200;

/** A value as a record keeps it: enough to tell it from another one, and no secret. */
export function keptValue(name: string, value: string): string {
  const isSecret = namesSecret(name) || withoutCredentials(value) !== value;
  return value.length <= longest && !isSecret ? value : digestOf(value);
}
