import { BerthError } from "../base/errors.ts";
import { withSuggestion } from "./suggest.ts";

/** What kind of value a flag takes; a list may be given several times. */
export type FlagKind = "boolean" | "string" | "list";

/** The values given for a flag, in order; none when it wasn't given. Booleans are `"true"` or `"false"`. */
export type FlagValues<Name extends string> = (name: Name) => readonly string[];

/**
 * Read the flags of an instruction.
 *
 * @throws {BerthError} invalid-argument with BuildKit's message
 */
export function parseFlags<Name extends string>(
  flags: readonly string[],
  kinds: Readonly<Record<Name, FlagKind>>,
): FlagValues<Name> {
  const known = new Map(Object.entries<FlagKind>(kinds));
  const given = new Map<string, string[]>();
  for (const flag of flags) {
    const at = flag.indexOf("=");
    const written = at < 0 ? flag : flag.slice(0, at);
    const name = written.slice(2);
    const kind = known.get(name);
    if (kind === undefined) throw wrong(withSuggestion(`unknown flag: ${written}`, name, [...known.keys()]));
    const values = given.get(name) ?? [];
    if (values.length > 0 && kind !== "list") throw wrong(`duplicate flag specified: ${written}`);
    values.push(readValue(written, at < 0 ? undefined : flag.slice(at + 1), kind));
    given.set(name, values);
  }
  return (name) => given.get(name) ?? [];
}

function readValue(flag: string, value: string | undefined, kind: FlagKind): string {
  if (value === undefined && kind === "boolean") return "true";
  if (value === undefined || (value === "" && kind === "boolean")) throw wrong(`missing a value on flag: ${flag}`);
  if (kind !== "boolean") return value;
  const lower = value.toLowerCase();
  if (lower !== "true" && lower !== "false") throw wrong(`expecting boolean value for flag ${flag}, not: ${value}`);
  return lower;
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
