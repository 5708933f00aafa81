import type { Flag, FlagOptions } from "./flag.ts";
import { parseBool, parseInteger } from "./go-values.ts";

/** A flag that is on or off: `--rm`, `--rm=false`. */
export function bool(description: string, options: FlagOptions & { readonly on?: boolean } = {}): Flag<boolean> {
  const { on = false, ...rest } = options;
  return {
    description,
    alone: "true",
    initial: on,
    read: parseBool,
    ...(on ? { shownDefault: "true" } : {}),
    ...rest,
  };
}

/** One text; the last one given counts. */
export function text(description: string, options: FlagOptions = {}): Flag<string | undefined> {
  return { description, valueName: "string", initial: undefined, read: (value) => value, ...options };
}

/** One whole number; the last one given counts. */
export function integer(description: string, options: FlagOptions = {}): Flag<number | undefined> {
  return { description, valueName: "int", initial: undefined, read: parseInteger, ...options };
}

/** One value of any type; the last one given counts. @param read throws the reason when the text is wrong */
export function value<Value>(
  description: string,
  read: (text: string) => Value,
  options: FlagOptions = {},
): Flag<Value | undefined> {
  return { description, valueName: "string", initial: undefined, read: (given) => read(given), ...options };
}

/** Texts that may also come several in one, separated by commas. */
export function csvList(description: string): Flag<readonly string[]> {
  return {
    description,
    valueName: "strings",
    initial: [],
    read: (given, before) => [...before, ...given.split(",").filter((text) => text !== "")],
  };
}

/** The same flag, as {@link Flag.isReadLate} says. */
export function readLate<Value>(flag: Flag<Value>): Flag<Value> {
  return { ...flag, isReadLate: true };
}

/** A flag that can be given many times. @param read throws the reason when a text is wrong */
export function list<Value = string>(
  description: string,
  options: FlagOptions & { readonly read?: (text: string) => Value } = {},
): Flag<readonly Value[]> {
  const { read = (given: string) => given as Value, ...rest } = options;
  return {
    description,
    valueName: "list",
    initial: [],
    read: (given, before) => [...before, read(given)],
    ...rest,
  };
}
