import { ArgumentError, type Callable } from "../eval/scope.ts";
import { ConversionError, convert } from "../value/convert.ts";
import { toJson } from "../value/json.ts";
import { types } from "../value/type.ts";
import { isSequence, list, numberText, text, type Value } from "../value/value.ts";
import { define, itemsOf, param, textOf } from "./define.ts";
import { signsOf } from "./strings.ts";

/** One `%…` of a format. */
interface Verb {
  readonly raw: string;
  readonly offset: number;
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly mode: string;
}

const verb = /%(?:%|([+#\- 0]*)(\d+)?(?:\.(\d*))?(?:\[(\d+)\])?([A-Za-z]))/y;

const widest = 1024;

/** Put values into a format of Go's kind. @throws where they don't fit it */
function formatText(format: string, args: readonly Value[]): string {
  let [result, at, next, used] = ["", 0, 0, 0];
  for (;;) {
    const percent = format.indexOf("%", at);
    if (percent < 0) break;
    result += format.slice(at, percent);
    verb.lastIndex = percent;
    const found = verb.exec(format);
    if (found === null)
      throw new ArgumentError(0, `unrecognized format character in format string at offset ${percent}`, "format");
    at = verb.lastIndex;
    if (found[0] === "%%") {
      result += "%";
      continue;
    }
    if (found[4] !== undefined) next = Number(found[4]) - 1;
    result += formatted(verbOf(found, percent), args, next);
    next++;
    used = Math.max(used, next);
  }
  if (used < args.length) {
    const why = used === 0 ? "no verbs in format string" : `only ${used} used by format string`;
    throw new ArgumentError(used + 1, `too many arguments; ${why}`, "args");
  }
  return result + format.slice(at);
}

function verbOf([raw, flags = "", width, precision, , mode = ""]: RegExpExecArray, offset: number): Verb {
  const found = { width: Number(width ?? 0), precision: precision === undefined ? undefined : Number(precision) };
  if (found.width > widest || (found.precision ?? 0) > 100)
    throw new ArgumentError(0, `${raw} is wider than ${widest} signs`, "format");
  return { raw, offset, flags, mode, ...found };
}

function formatted(verb: Verb, args: readonly Value[], index: number): string {
  const { raw, offset, mode } = verb;
  const arg = args[index];
  const place = `${JSON.stringify(raw)} at ${offset}`;
  if (arg === undefined)
    throw new Error(`not enough arguments for ${place}: need index ${index + 1} but have ${args.length} total`);
  if (mode !== "v" && arg.kind === "null")
    throw new Error(`unsupported value for ${place}: null value cannot be formatted`);
  try {
    return pad(verb, written(verb, arg));
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new Error(`unsupported value for ${place}: ${error.message}`);
  }
}

function written(verb: Verb, arg: Value): string {
  switch (verb.mode) {
    case "v":
      if (verb.flags.includes("#") || (arg.kind !== "string" && arg.kind !== "number")) return toJson(arg);
      return arg.kind === "string" ? arg.value : numberText(arg.value);
    case "t":
      return textOf(convert(convert(arg, types.bool), types.string));
    case "s":
      return cut(textOf(convert(arg, types.string)), verb.precision);
    case "q":
      return JSON.stringify(cut(textOf(convert(arg, types.string)), verb.precision));
    case "b":
    case "d":
    case "o":
    case "x":
    case "X":
      return integer(verb, numeric(arg));
    case "e":
    case "E":
    case "f":
    case "g":
    case "G":
      return real(verb, numeric(arg));
    default:
      throw new Error(
        `unsupported format verb ${JSON.stringify(verb.mode)} in ${JSON.stringify(verb.raw)} at offset ${verb.offset}`,
      );
  }
}

function cut(given: string, precision: number | undefined): string {
  return precision === undefined || precision === 0 ? given : signsOf(given).slice(0, precision).join("");
}

function numeric(arg: Value): number {
  const converted = convert(arg, types.number);
  return converted.kind === "number" ? converted.value : Number.NaN;
}

const bases: Readonly<Record<string, number>> = { b: 2, d: 10, o: 8, x: 16, X: 16 };

function integer({ mode, flags }: Verb, value: number): string {
  if (!Number.isInteger(value)) throw new ConversionError("an integer is required");
  const prefix = flags.includes("#") ? ({ x: "0x", X: "0X", o: "0", b: "0b" }[mode] ?? "") : "";
  const digits = BigInt(Math.abs(value)).toString(bases[mode] ?? 10);
  return `${sign(flags, value)}${prefix}${mode === "X" ? digits.toUpperCase() : digits}`;
}

function real({ mode, flags, precision }: Verb, value: number): string {
  const size = Math.abs(value);
  const exponent = (shown: string): string => shown.replace(/e([+-])(\d)$/, "e$10$2");
  const shown =
    mode === "f"
      ? size.toFixed(precision ?? 6)
      : mode.toLowerCase() === "e"
        ? exponent(size.toExponential(precision ?? 6))
        : general(size, precision);
  return `${sign(flags, value)}${mode === "E" || mode === "G" ? shown.toUpperCase() : shown}`;
}

function general(size: number, precision: number | undefined): string {
  if (precision === undefined) return numberText(size);
  return numberText(Number(size.toPrecision(Math.max(1, precision))));
}

function sign(flags: string, value: number): string {
  if (value < 0) return "-";
  if (flags.includes("+")) return "+";
  return flags.includes(" ") ? " " : "";
}

function pad({ width, flags, mode }: Verb, shown: string): string {
  const missing = width - signsOf(shown).length;
  if (missing <= 0) return shown;
  if (flags.includes("-")) return shown + " ".repeat(missing);
  if (!flags.includes("0")) return " ".repeat(missing) + shown;
  const [, before = "", digits = ""] = "vsqt".includes(mode) ? [] : (/^([+\- ]?)(.*)$/s.exec(shown) ?? []);
  return digits === "" ? "0".repeat(missing) + shown : `${before}${"0".repeat(missing)}${digits}`;
}

function formatList(format: string, args: readonly Value[]): readonly string[] {
  const lengths = new Set(args.flatMap((arg) => (isSequence(arg) ? arg.items.length : [])));
  const [length = 1] = lengths;
  const odd = args.findIndex((arg) => isSequence(arg) && arg.items.length !== length);
  if (odd >= 0)
    throw new ArgumentError(
      odd + 1,
      `argument ${odd + 1} has length ${itemsOf(args[odd]).length}, which is inconsistent with argument 1 of length ${length}`,
      "args",
    );
  return Array.from({ length }, (_, index) =>
    formatText(
      format,
      args.map((arg) => (isSequence(arg) ? (arg.items[index] ?? arg) : arg)),
    ),
  );
}

const rest = { ...param("args", "dynamic"), nullable: true };

/** `format` and `formatlist`. @see go-cty, function/stdlib/format.go */
export const formatFunctions: Readonly<Record<string, Callable>> = {
  format: define({
    params: [param("format", "string")],
    rest,
    run: ([format, ...args]) => text(formatText(textOf(format), args)),
  }),
  formatlist: define({
    params: [param("format", "string")],
    rest,
    run: ([format, ...args], { budget }) => {
      const made = formatList(textOf(format), args);
      budget.spendText(made.reduce((length, item) => length + item.length, 0));
      return list(made.map(text), types.string);
    },
  }),
};
