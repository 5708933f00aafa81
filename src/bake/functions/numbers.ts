import { areEqual } from "../eval/operators.ts";
import { ArgumentError, type Callable } from "../eval/scope.ts";
import { bool, number, type Value } from "../value/value.ts";
import { boolOf, define, numberOf, param, textOf, wholeOf } from "./define.ts";

function finite(value: number): Value {
  if (Number.isFinite(value)) return number(value);
  throw new Error("the result is no number that can be kept");
}

function one(name: string, run: (value: number) => number): Callable {
  return define({ params: [param(name, "number")], run: ([value]) => finite(run(numberOf(value))) });
}

function two(run: (a: number, b: number) => number, names: readonly [string, string] = ["a", "b"]): Callable {
  const params = names.map((name) => param(name, "number"));
  return define({ params, run: ([a, b]) => finite(run(numberOf(a), numberOf(b))) });
}

function compare(run: (a: number, b: number) => boolean): Callable {
  const params = [param("a", "number"), param("b", "number")];
  return define({ params, run: ([a, b]) => bool(run(numberOf(a), numberOf(b))) });
}

function logic(run: (a: boolean, b: boolean) => boolean): Callable {
  const params = [param("a", "bool"), param("b", "bool")];
  return define({ params, run: ([a, b]) => bool(run(boolOf(a), boolOf(b))) });
}

function equality(wanted: boolean): Callable {
  const params = ["a", "b"].map((name) => ({ ...param(name, "dynamic"), nullable: true }));
  return define({
    params,
    run: ([a, b]) => bool(a !== undefined && b !== undefined && areEqual(a, b) === wanted),
  });
}

function extreme(run: (...values: number[]) => number): Callable {
  return define({
    params: [],
    rest: param("numbers", "number"),
    run: (args) => {
      if (args.length === 0) throw new Error("must pass at least one number");
      return number(args.map(numberOf).reduce((a, b) => run(a, b)));
    },
  });
}

function nonZero(b: number): number {
  if (b === 0) throw new Error("division by zero");
  return b;
}

const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

function parseInteger(given: string, base: number): Value {
  if (base < 2 || base > 62)
    throw new ArgumentError(1, "base must be a whole number between 2 and 62 inclusive", "base");
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/s.exec(given) ?? [];
  const values = [...(base <= 36 ? rest.toLowerCase() : rest)].map((sign) => digits.indexOf(sign));
  if (values.length === 0 || values.some((value) => value < 0 || value >= base))
    throw new ArgumentError(0, `cannot parse ${JSON.stringify(given)} as a base ${base} integer`, "number");
  const value = values.reduce((sum, digit) => sum * base + digit, 0);
  if (!Number.isSafeInteger(value))
    throw new ArgumentError(0, `${JSON.stringify(given)} is more than can be kept`, "number");
  return number(sign === "-" ? -value : value);
}

/** Functions of numbers and truth values. @see go-cty, function/stdlib/number.go and bool.go */
export const numberFunctions: Readonly<Record<string, Callable>> = {
  absolute: one("num", Math.abs),
  add: two((a, b) => a + b),
  and: logic((a, b) => a && b),
  ceil: one("num", Math.ceil),
  divide: two((a, b) => a / nonZero(b)),
  equal: equality(true),
  floor: one("num", Math.floor),
  greaterthan: compare((a, b) => a > b),
  greaterthanorequalto: compare((a, b) => a >= b),
  int: one("num", Math.trunc),
  lessthan: compare((a, b) => a < b),
  lessthanorequalto: compare((a, b) => a <= b),
  log: two((num, base) => Math.log(num) / Math.log(base), ["num", "base"]),
  max: extreme(Math.max),
  min: extreme(Math.min),
  modulo: two((a, b) => a % nonZero(b)),
  multiply: two((a, b) => a * b),
  negate: one("num", (value) => -value),
  not: define({ params: [param("val", "bool")], run: ([value]) => bool(!boolOf(value)) }),
  notequal: equality(false),
  or: logic((a, b) => a || b),
  parseint: define({
    params: [param("number", "string"), param("base", "number")],
    run: ([given, base]) => parseInteger(textOf(given), wholeOf(base)),
  }),
  pow: two((num, power) => num ** power, ["num", "power"]),
  signum: one("num", Math.sign),
  subtract: two((a, b) => a - b),
};
