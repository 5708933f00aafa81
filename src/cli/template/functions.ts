import { printf } from "./printf.ts";
import { isTrue, Nil, plain, print, typeName } from "./values.ts";

/** What a function takes: texts, whole numbers, lists of texts, or anything. */
export type Parameter = "string" | "int" | "[]string" | "any";

/** A function that templates call. */
export interface TemplateFunction {
  readonly parameters: readonly Parameter[];
  /** How many arguments it needs; all of its parameters when absent. */
  readonly least?: number;
  /** The last parameter may be there many times. */
  readonly variadic?: boolean;
  /** @throws {Error} with the reason */
  readonly call: (...values: readonly never[]) => unknown;
}

const one: Pick<TemplateFunction, "parameters"> = { parameters: ["any"] };
const many: Pick<TemplateFunction, "parameters" | "variadic" | "least"> = {
  parameters: ["any"],
  variadic: true,
  least: 0,
};
const some: Pick<TemplateFunction, "parameters" | "variadic" | "least"> = { ...many, least: 1 };
const text: Pick<TemplateFunction, "parameters"> = { parameters: ["string"] };

/** Go's and Docker's template functions by name; {@link lazyFunctions} are beside them. */
export const functions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ["json", { ...one, call: (value: unknown) => JSON.stringify(plain(value) ?? null) }],
  ["join", { parameters: ["[]string", "string"], call: join }],
  ["split", { parameters: ["string", "string"], call: split }],
  ["lower", { ...text, call: (value: string) => value.toLowerCase() }],
  ["upper", { ...text, call: (value: string) => value.toUpperCase() }],
  ["title", { ...text, call: title }],
  ["pad", { parameters: ["string", "int", "int"], call: pad }],
  ["truncate", { parameters: ["string", "int"], call: truncate }],
  ["print", { ...many, call: (...values: readonly unknown[]) => printAll(values) }],
  ["println", { ...many, call: (...values: readonly unknown[]) => `${values.map(print).join(" ")}\n` }],
  [
    "printf",
    {
      parameters: ["string", "any"],
      variadic: true,
      least: 1,
      call: (format: string, ...values: readonly unknown[]) => printf(format, values),
    },
  ],
  ["len", { ...one, call: lengthOf }],
  ["index", { ...some, call: (value: unknown, ...keys: readonly unknown[]) => keys.reduce(indexOne, value) }],
  ["slice", { ...some, call: sliceOf }],
  ["not", { ...one, call: (value: unknown) => !isTrue(value) }],
  ["eq", { ...some, call: isAny }],
  ["ne", { parameters: ["any", "any"], call: (a: unknown, b: unknown) => !isEqual(a, b) }],
  ["lt", { parameters: ["any", "any"], call: (a: unknown, b: unknown) => compare(a, b) < 0 }],
  ["le", { parameters: ["any", "any"], call: (a: unknown, b: unknown) => compare(a, b) <= 0 }],
  ["gt", { parameters: ["any", "any"], call: (a: unknown, b: unknown) => compare(a, b) > 0 }],
  ["ge", { parameters: ["any", "any"], call: (a: unknown, b: unknown) => compare(a, b) >= 0 }],
  ["call", { ...some, call: refuseCall }],
  ["html", { ...many, call: (...values: readonly unknown[]) => escapeHTML(printAll(values)) }],
  ["js", { ...many, call: (...values: readonly unknown[]) => escapeScript(printAll(values)) }],
  ["urlquery", { ...many, call: (...values: readonly unknown[]) => escapeQuery(printAll(values)) }],
]);

/** Functions that look at their arguments one by one, and at no more than they need. */
export const lazyFunctions: ReadonlySet<string> = new Set(["and", "or"]);

/** Docker's functions as they are in the headings of a table: a heading stays what it is. */
export const headingFunctions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>(
  ["json", "split", "join", "title", "lower", "upper", "truncate"].map((name) => [
    name,
    { parameters: ["any"], variadic: true, least: 1, call: (value: unknown) => value },
  ]),
);

/** Nothing that lists or `inspect` show is a function. */
function refuseCall(value: unknown): never {
  throw new Error(`non-function ${print(value)} of type ${typeName(value)}`);
}

function join(list: unknown, separator: string): string {
  if (Array.isArray(list)) return list.map(print).join(separator);
  return "";
}

function split(value: string, separator: string): readonly string[] {
  return separator === "" ? [...value] : value.split(separator);
}

function title(value: string): string {
  return value.replace(/(?<![\p{L}\p{N}_])\p{L}/gu, (letter) => letter.toUpperCase());
}

function pad(value: string, before: number, after: number): string {
  return value === "" ? "" : " ".repeat(before) + value + " ".repeat(after);
}

function truncate(value: string, length: number): string {
  return [...value].slice(0, length).join("");
}

/** As Go's `Sprint`: a space between two that are no texts. */
function printAll(values: readonly unknown[]): string {
  return values
    .map((value, index) => {
      const apart = index > 0 && typeof value !== "string" && typeof values[index - 1] !== "string";
      return apart ? ` ${print(value)}` : print(value);
    })
    .join("");
}

function lengthOf(value: unknown): number {
  if (value instanceof Nil) return 0;
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (typeof value === "object" && value !== null) return Object.keys(value).length;
  throw new Error(value === null || value === undefined ? "len of nil pointer" : `len of type ${typeName(value)}`);
}

function indexOne(value: unknown, key: unknown): unknown {
  if (typeof value === "string" || Array.isArray(value)) return elementOf(value, key);
  if (value instanceof Nil) {
    if (value.text === "map[]") return "";
    throw new Error(`index out of range: ${String(key)}`);
  }
  if (value === null || value === undefined) throw new Error("index of untyped nil");
  if (typeof value !== "object") throw new Error(`can't index item of type ${typeName(value)}`);
  const entries = Object.entries(value);
  const isTextMap = entries.every(([, each]) => typeof each === "string");
  return entries.find(([name]) => name === String(key))?.[1] ?? (isTextMap ? "" : undefined);
}

function elementOf(value: string | readonly unknown[], key: unknown): unknown {
  if (typeof key !== "number") throw new Error(`cannot index slice/array with type ${typeName(key)}`);
  if (key < 0 || key >= lengthOf(value)) throw new Error(outOfRange(value, key));
  return typeof value === "string" ? Buffer.from(value)[key] : value[key];
}

function outOfRange(value: unknown, key: number): string {
  // Go's own check passes over the first one after the last.
  if (key !== lengthOf(value)) return `index out of range: ${key}`;
  return `reflect: ${typeof value === "string" ? "string" : "slice"} index out of range`;
}

function sliceOf(value: unknown, ...bounds: readonly number[]): unknown {
  if (typeof value !== "string" && !Array.isArray(value))
    throw new Error(`can't slice item of type ${typeName(value)}`);
  if (bounds.length > 3) throw new Error(`too many slice indexes: ${bounds.length}`);
  const length = lengthOf(value);
  const wrong = bounds.find((bound) => bound < 0 || bound > length);
  if (wrong !== undefined) throw new Error(`index out of range: ${wrong}`);
  const [start = 0, end = length] = bounds;
  if (start > end) throw new Error(`invalid slice index: ${start} > ${end}`);
  return typeof value === "string" ? Buffer.from(value).subarray(start, end).toString() : value.slice(start, end);
}

function isAny(value: unknown, ...others: readonly unknown[]): boolean {
  if (others.length === 0) throw new Error("missing argument for comparison");
  return others.some((other) => isEqual(value, other));
}

function isEqual(a: unknown, b: unknown): boolean {
  const [left, right] = [plain(a) ?? null, plain(b) ?? null];
  if (left === null || right === null) return left === right;
  if (typeof left !== typeof right) throw new Error("incompatible types for comparison");
  if (typeof left === "object") throw new Error(`non-comparable type ${print(left)}: ${typeName(left)}`);
  return left === right;
}

function compare(left: unknown, right: unknown): number {
  const [a, b] = [plain(left), plain(right)];
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  const isSame = typeName(a) === typeName(b);
  throw new Error(isSame ? "invalid type for comparison" : "incompatible types for comparison");
}

function escapeHTML(value: string): string {
  return value.replace(/[<>&'"]/g, (sign) =>
    sign === "<" ? "&lt;" : sign === ">" ? "&gt;" : sign === "&" ? "&amp;" : `&#${sign.charCodeAt(0)};`,
  );
}

function escapeScript(value: string): string {
  return value.replace(/[\\'"]/g, "\\$&").replace(/[<>&=\p{Cc}]/gu, (sign) => {
    const code = sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `\\u${code}`;
  });
}

function escapeQuery(value: string): string {
  return encodeURIComponent(value)
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}
