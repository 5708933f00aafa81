import { type Digest, digestOf } from "../../oci/digest.ts";

/** An operation's name, as BuildKit makes it of what an operation is: a value of JSON, its fields in the order of BuildKit's. */
export function operationDigest(value: object): Digest {
  return digestOf(goJson(value));
}

/** JSON as Go's encoder writes it, which escapes what would mean something in HTML. */
export function goJson(value: object): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The fields less those that Go's `omitempty` leaves out: what is false, 0, empty or nothing. */
export function filled(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0);
}
