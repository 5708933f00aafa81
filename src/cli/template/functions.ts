import { isTrue, Nil, plain, print } from "./values.ts";

/** A function that templates call. @throws {Error} with the reason */
export type TemplateFunction = (...values: readonly unknown[]) => unknown;

/** Go's and Docker's template functions by name. `and` and `or` are here for their values: the evaluator needs no laziness. */
export const functions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ["json", (value) => JSON.stringify(plain(value) ?? null)],
  ["join", (list, separator) => listOf(list).map(print).join(String(separator))],
  ["split", (text, separator) => String(text).split(String(separator))],
  ["lower", (text) => String(text).toLowerCase()],
  ["upper", (text) => String(text).toUpperCase()],
  ["title", (text) => String(text).replace(/(^|\s)\p{L}/gu, (letter) => letter.toUpperCase())],
  ["pad", (text, before, after) => " ".repeat(Number(before)) + String(text) + " ".repeat(Number(after))],
  ["truncate", (text, length) => [...String(text)].slice(0, Number(length)).join("")],
  ["print", (...values) => values.map(print).join(" ")],
  ["println", (...values) => `${values.map(print).join(" ")}\n`],
  ["printf", (format, ...values) => printf(String(format), values)],
  ["len", lengthOf],
  ["index", (value, ...keys) => keys.reduce(indexOne, value)],
  ["slice", (value, from, to) => sliceOf(value, from, to)],
  ["not", (value) => !isTrue(value)],
  ["and", (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1)],
  ["or", (...values) => values.find(isTrue) ?? values.at(-1)],
  ["eq", (value, ...others) => others.some((other) => plain(other) === plain(value))],
  ["ne", (a, b) => plain(a) !== plain(b)],
  ["lt", (a, b) => compare(a, b) < 0],
  ["le", (a, b) => compare(a, b) <= 0],
  ["gt", (a, b) => compare(a, b) > 0],
  ["ge", (a, b) => compare(a, b) >= 0],
]);

function listOf(value: unknown): readonly unknown[] {
  if (value instanceof Nil) return [];
  if (Array.isArray(value)) return value;
  throw new Error("expected a list");
}

function lengthOf(value: unknown): number {
  if (value instanceof Nil) return 0;
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw new Error(`len of type ${typeName(value)}`);
}

function indexOne(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    if (typeof key !== "number") throw new Error(`cannot index slice/array with type ${typeName(key)}`);
    if (key < 0 || key >= value.length) throw new Error(`index out of range: ${String(key)}`);
    return value[key];
  }
  if (typeof value === "object" && value !== null && !(value instanceof Nil)) {
    return Object.entries(value).find(([name]) => name === String(key))?.[1];
  }
  if (value instanceof Nil && value.text === "map[]") return undefined;
  throw new Error(value instanceof Nil ? `index out of range: ${String(key)}` : "index of untyped nil");
}

function sliceOf(value: unknown, from: unknown, to: unknown): unknown {
  const start = from === undefined ? 0 : Number(from);
  const end = to === undefined ? lengthOf(value) : Number(to);
  if (start > end || end > lengthOf(value)) throw new Error(`index out of range: ${end}`);
  return typeof value === "string" ? value.slice(start, end) : listOf(value).slice(start, end);
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  throw new Error("incompatible types for comparison");
}

/** The verbs that formats use: %s %v %d %q %t %x %f %%, with width and precision. */
function printf(format: string, values: readonly unknown[]): string {
  let next = 0;
  return format.replace(
    /%([-0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])/g,
    (whole, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const text = formatted(verb, values[next++], precision) ?? whole;
      if (flags.includes("-")) return text.padEnd(Number(width));
      return text.padStart(Number(width), flags.includes("0") ? "0" : " ");
    },
  );
}

function formatted(verb: string, value: unknown, precision: string | undefined): string | undefined {
  switch (verb) {
    case "s":
    case "v":
    case "d":
    case "t":
      return precision === undefined ? print(value) : print(value).slice(0, Number(precision));
    case "q":
      return JSON.stringify(print(value));
    case "x":
      return typeof value === "number" ? value.toString(16) : Buffer.from(print(value)).toString("hex");
    case "f":
      return Number(value).toFixed(precision === undefined ? 6 : Number(precision));
    default:
      return undefined;
  }
}

function typeName(value: unknown): string {
  return typeof value === "number" ? "int" : typeof value === "boolean" ? "bool" : typeof value;
}
