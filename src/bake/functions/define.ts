import type { Callable, CallSite } from "../eval/scope.ts";
import { ArgumentError } from "../eval/scope.ts";
import { HclError } from "../hcl/hcl-error.ts";
import { ConversionError, convert } from "../value/convert.ts";
import { type Type, types } from "../value/type.ts";
import type { Value } from "../value/value.ts";

/** What a function takes in one place. */
export interface Parameter {
  readonly name: string;
  readonly type: Type;
  /** Whether null is a value like others here. */
  readonly nullable?: boolean;
}

/** A function: what it takes, and what it does with values that are of these types. */
export interface Definition {
  readonly params: readonly Parameter[];
  /** Of all arguments behind the others. */
  readonly rest?: Parameter;
  readonly run: (args: readonly Value[], site: CallSite) => Value;
}

/** Make a function that checks and converts its arguments. */
export function define({ params, rest, run }: Definition): Callable {
  return (site) => {
    checkCount(site, params, rest !== undefined);
    const args = site.args.map((arg, index) => readArgument(arg, index, params[index] ?? rest));
    const result = run(args, site);
    pay(result, site);
    return result;
  };
}

function checkCount({ args, name, end, place }: CallSite, params: readonly Parameter[], isVariadic: boolean): void {
  const quoted = JSON.stringify(name);
  const missing = params[args.length];
  if (missing !== undefined)
    throw new HclError(
      end,
      "Not enough function arguments",
      `Function ${quoted} expects ${params.length} argument(s). Missing value for ${JSON.stringify(missing.name)}.`,
    );
  if (args.length > params.length && !isVariadic)
    throw new HclError(
      place(params.length),
      "Too many function arguments",
      `Function ${quoted} expects only ${params.length} argument(s).`,
    );
}

function readArgument(arg: Value, index: number, parameter: Parameter | undefined): Value {
  if (parameter === undefined) return arg;
  const { name, type, nullable = false } = parameter;
  if (arg.kind === "null" && !nullable) throw new ArgumentError(index, "argument must not be null", name);
  try {
    return convert(arg, type);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new ArgumentError(index, error.message, name);
  }
}

function pay(result: Value, { budget }: CallSite): void {
  if (result.kind === "string") budget.spendText(result.value.length);
  else if ("items" in result) budget.spend(result.items.length);
  else if ("entries" in result) budget.spend(result.entries.size);
}

/** A parameter. */
export function param(name: string, type: Type | "string" | "number" | "bool" | "dynamic"): Parameter {
  return { name, type: typeof type === "string" ? types[type] : type };
}

/** The text of a value that is one. */
export function textOf(value: Value | undefined): string {
  if (value?.kind === "string") return value.value;
  throw new Error("must be a string");
}

/** The number of a value that is one. */
export function numberOf(value: Value | undefined): number {
  if (value?.kind === "number") return value.value;
  throw new Error("must be a number");
}

/** The whole number of a value that is one. @throws where it is another */
export function wholeOf(value: Value | undefined): number {
  const found = numberOf(value);
  if (Number.isInteger(found)) return found;
  throw new Error("value must be a whole number");
}

/** The truth value of a value that is one. */
export function boolOf(value: Value | undefined): boolean {
  if (value?.kind === "bool") return value.value;
  throw new Error("must be a bool");
}

/** The elements of a list, set or tuple. @throws where it is another kind of value */
export function itemsOf(value: Value | undefined): readonly Value[] {
  if (value !== undefined && "items" in value) return value.items;
  throw new Error("must be a list, a set or a tuple");
}

/** The elements of a map or object. @throws where it is another kind of value */
export function entriesOf(value: Value | undefined): ReadonlyMap<string, Value> {
  if (value !== undefined && "entries" in value) return value.entries;
  throw new Error("must be a map or an object");
}
