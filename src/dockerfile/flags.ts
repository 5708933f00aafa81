import { BerthError } from "../base/errors.ts";
import { withSuggestion } from "./suggest.ts";

/** What kind of value each flag of an instruction takes; a list may be given several times. */
export type FlagKinds<Name extends string> = Readonly<Record<Name, "boolean" | "string" | "list">>;

/** The values given. A flag that wasn't given has none. */
export type FlagValues<Name extends string> = Readonly<Record<Name, readonly string[]>>;

/**
 * Read the flags of an instruction. Booleans come out as `"true"` or `"false"`.
 *
 * @throws {BerthError} invalid-argument with BuildKit's message
 */
export function parseFlags<Name extends string>(flags: readonly string[], kinds: FlagKinds<Name>): FlagValues<Name> {
  const names = Object.keys(kinds) as Name[];
  const values = Object.fromEntries(names.map((name) => [name, []])) as Record<string, string[]> as Record<
    Name,
    string[]
  >;
  for (const flag of flags) {
    const at = flag.indexOf("=");
    const written = at < 0 ? flag : flag.slice(0, at);
    const name = names.find((known) => `--${known}` === written);
    if (name === undefined) throw wrong(withSuggestion(`unknown flag: ${written}`, written.slice(2), names));
    const given = values[name];
    const kind = kinds[name];
    if (given.length > 0 && kind !== "list") throw wrong(`duplicate flag specified: ${written}`);
    given.push(readValue(written, at < 0 ? undefined : flag.slice(at + 1), kind === "boolean"));
  }
  return values;
}

function readValue(flag: string, value: string | undefined, boolean: boolean): string {
  if (!boolean) {
    if (value === undefined) throw wrong(`missing a value on flag: ${flag}`);
    return value;
  }
  if (value === "") throw wrong(`missing a value on flag: ${flag}`);
  const lower = (value ?? "true").toLowerCase();
  if (lower !== "true" && lower !== "false") throw wrong(`expecting boolean value for flag ${flag}, not: ${value}`);
  return lower;
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}
