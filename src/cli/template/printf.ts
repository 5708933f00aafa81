import { print, Typed, typeName } from "./values.ts";

interface Directive {
  readonly flags: string;
  readonly precision: number | undefined;
}

type Verb = (value: unknown, directive: Directive) => string | undefined;

const integer = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value);

const prefixes: Readonly<Record<number, string>> = { 16: "0x", 8: "0", 2: "0b" };

function based(radix: number, upper = false): Verb {
  return (value, { flags }) => {
    const cased = (digits: string): string => (upper ? digits.toUpperCase() : digits);
    if (typeof value === "string" && radix === 16) return cased(Buffer.from(value).toString("hex"));
    if (!integer(value)) return undefined;
    const prefix = flags.includes("#") ? (prefixes[radix] ?? "") : "";
    return signed(value, cased(prefix + Math.abs(value).toString(radix)), flags);
  };
}

function decimal(write: (value: number, precision: number) => string): Verb {
  return (value, { flags, precision = 6 }) =>
    typeof value === "number" ? signed(value, write(Math.abs(value), precision), flags) : undefined;
}

function signed(value: number, digits: string, flags: string): string {
  if (value < 0) return `-${digits}`;
  return flags.includes("+") ? `+${digits}` : flags.includes(" ") ? ` ${digits}` : digits;
}

const cut = (text: string, precision: number | undefined): string =>
  precision === undefined ? text : [...text].slice(0, precision).join("");

const verbs: Readonly<Record<string, Verb>> = {
  v: (value, { flags }) => (typeof value === "number" ? signed(value, String(Math.abs(value)), flags) : print(value)),
  s: (value, { precision }) =>
    typeof value === "number" || typeof value === "boolean" ? undefined : cut(print(value), precision),
  d: based(10),
  b: based(2),
  o: based(8),
  x: based(16),
  X: based(16, true),
  t: (value) => (typeof value === "boolean" ? String(value) : undefined),
  q: (value) => (typeof value === "number" ? `'${String.fromCodePoint(value)}'` : JSON.stringify(print(value))),
  c: (value) => (integer(value) ? String.fromCodePoint(value) : undefined),
  U: (value) => (integer(value) ? `U+${value.toString(16).toUpperCase().padStart(4, "0")}` : undefined),
  T: typeName,
  f: decimal((value, precision) => value.toFixed(precision)),
  F: decimal((value, precision) => value.toFixed(precision)),
  e: decimal((value, precision) => value.toExponential(precision).replace(/e([+-])(\d)$/, "e$10$2")),
  g: decimal((value) => String(value)),
};

/** Go's `Sprintf`, for what templates hold. @see https://pkg.go.dev/fmt */
export function printf(format: string, values: readonly unknown[]): string {
  let next = 0;
  const text = format.replace(
    /%([-+# 0]*)(\d*)(?:\.(\d*))?(.?)/gsu,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      if (verb === "") return "%!(NOVERB)";
      if (next >= values.length) return `%!${verb}(MISSING)`;
      const directive = { flags, precision: precision === undefined ? undefined : Number(precision) };
      return widened(formatted(verb, values[next++], directive), flags, Number(width));
    },
  );
  const extra = values.slice(next).map((value) => `${typeName(value)}=${print(value)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(", ")})`;
}

function formatted(verb: string, value: unknown, directive: Directive): string {
  const write = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  // What prints in words is a number all the same.
  const counted = value instanceof Typed && !"vsqT".includes(verb) ? value.json : value;
  return write?.(counted, directive) ?? `%!${verb}(${typeName(value)}=${print(value)})`;
}

function widened(text: string, flags: string, width: number): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0")) return " ".repeat(missing) + text;
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  return sign + "0".repeat(missing) + rest;
}
