import { messageOf } from "../../base/errors.ts";
import { CliError } from "../cli-error.ts";
import type { Flag, Flags } from "./flag.ts";
import { quote } from "./go-values.ts";

/** A command line taken apart. */
export interface Parsed {
  /** Value of every flag, given or not, by long name. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The long names that were given. */
  readonly given: ReadonlySet<string>;
  /** What is no flag, in order. */
  readonly positional: readonly string[];
  /** How many of these stand before `--`; absent without one. */
  readonly dash?: number;
}

/** How {@link parseFlags} reads. */
export interface ParseOptions {
  /** False where everything after the first word belongs to somebody else: `run IMAGE ls -l`. */
  readonly interspersed: boolean;
}

/** A flag that is used wrongly; the message is pflag's. */
export class FlagError extends Error {
  override readonly name: string = "FlagError";
}

/**
 * Take a command line apart by the rules of Docker's flag library: `--name x`, `--name=x`, `-it`, `-eA=b`, `-e A=b`, `--`.
 *
 * @throws {FlagError} with the library's text; {CliError} for a value that is read late
 * @see github.com/spf13/pflag
 */
export function parseFlags(flags: Flags, argv: readonly string[], options: ParseOptions): Parsed {
  const names = Object.entries(flags);
  const values = new Map<string, unknown>(names.map(([name, { initial }]) => [name, initial]));
  const given = new Set<string>();
  const positional: string[] = [];
  const rest = [...argv];
  const set = (name: string, flag: Flag<unknown>, text: string): void => {
    try {
      values.set(name, flag.read(text, values.get(name)));
    } catch (error) {
      if (flag.isReadLate === true) throw new CliError(`ERROR: ${messageOf(error)}`, { cause: error });
      throw new FlagError(`invalid argument ${quote(text)} for "${spelling(name, flag)}" flag: ${messageOf(error)}`);
    }
    given.add(name);
  };
  const reader: Reader = { flags, rest, set, shorts: new Map(names.map(([name, flag]) => [flag.short, name])) };
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") {
      const all = [...positional, ...rest];
      return { values: Object.fromEntries(values), given, positional: all, dash: positional.length };
    }
    if (word.startsWith("--")) readLong(reader, word);
    else if (word.startsWith("-") && word !== "-") readShorts(reader, word);
    else if (options.interspersed) positional.push(word);
    else return { values: Object.fromEntries(values), given, positional: [word, ...rest] };
  }
  return { values: Object.fromEntries(values), given, positional };
}

interface Reader {
  readonly flags: Flags;
  /** Words not yet read. */
  readonly rest: string[];
  readonly shorts: ReadonlyMap<string | undefined, string>;
  readonly set: (name: string, flag: Flag<unknown>, text: string) => void;
}

function readLong({ flags, rest, set }: Reader, word: string): void {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals < 0 ? undefined : equals);
  if (name === "" || name.startsWith("-")) throw new FlagError(`bad flag syntax: ${word}`);
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
  if (flag === undefined) throw new FlagError(`unknown flag: --${name}`);
  const text = equals >= 0 ? word.slice(equals + 1) : (flag.alone ?? rest.shift());
  if (text === undefined) throw new FlagError(`flag needs an argument: --${name}`);
  set(name, flag, text);
}

function readShorts(reader: Reader, word: string): void {
  let letters = word.slice(1);
  while (letters !== "") letters = readShort(reader, letters);
}

/** Read the first of `letters`. @returns those that are flags of their own */
function readShort({ flags, rest, shorts, set }: Reader, letters: string): string {
  const letter = letters.charAt(0);
  const behind = letters.slice(1);
  const name = shorts.get(letter);
  const flag = name === undefined ? undefined : flags[name];
  if (name === undefined || flag === undefined) {
    throw new FlagError(`unknown shorthand flag: '${letter}' in -${letters}`);
  }
  if (flag.alone !== undefined && !behind.startsWith("=")) {
    set(name, flag, flag.alone);
    return behind;
  }
  const text = behind === "" ? rest.shift() : behind.replace(/^=/, "");
  if (text === undefined) throw new FlagError(`flag needs an argument: '${letter}' in -${letters}`);
  set(name, flag, text);
  return "";
}

/** `-m, --memory`, as error messages and the help name a flag. */
function spelling(name: string, { short }: Pick<Flag<unknown>, "short">): string {
  return short === undefined ? `--${name}` : `-${short}, --${name}`;
}
