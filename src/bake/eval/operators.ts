import type { BinaryOperator, Expression } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import { ConversionError, comparable, convert } from "../value/convert.ts";
import { typeName, types } from "../value/type.ts";
import { bool, equalValues, number, typeOf, type Value } from "../value/value.ts";
import type { Scope } from "./scope.ts";
import { sizeOf } from "./size.ts";

type Evaluate = (expression: Expression, scope: Scope) => Value;

const arithmetic: Readonly<Partial<Record<BinaryOperator, (a: number, b: number) => number>>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
};

const comparison: Readonly<Partial<Record<BinaryOperator, (a: number, b: number) => boolean>>> = {
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/** The value of `a + b` and its like. @throws {HclError} */
export function evaluateBinary(
  { operator, left, right, range }: Extract<Expression, { readonly kind: "binary" }>,
  scope: Scope,
  evaluate: Evaluate,
): Value {
  const a = evaluate(left, scope);
  const b = evaluate(right, scope);
  scope.budget.spend(sizeOf(a) + sizeOf(b));
  if (operator === "==" || operator === "!=") return bool(areEqual(a, b) === (operator === "=="));
  if (operator === "&&" || operator === "||") {
    const [first, second] = [asBool(a, left, "left"), asBool(b, right, "right")];
    return bool(operator === "&&" ? first && second : first || second);
  }
  const [first, second] = [asNumber(a, left, "left"), asNumber(b, right, "right")];
  const compare = comparison[operator];
  if (compare !== undefined) return bool(compare(first, second));
  if ((operator === "/" || operator === "%") && second === 0)
    throw new HclError(right.range, "Division by zero", `The right operand of ${operator} must not be zero.`);
  const result = arithmetic[operator]?.(first, second) ?? Number.NaN;
  if (Number.isFinite(result)) return number(result);
  throw new HclError(range, "Operation failed", "Error during operation: the result is no number that can be kept.");
}

/** Whether `==` holds: values of different types are different. */
export function areEqual(a: Value, b: Value): boolean {
  if (a.kind === "null" || b.kind === "null") return a.kind === b.kind;
  return comparable(a, b) && equalValues(a, b);
}

/** The value of `!a` and `-a`. @throws {HclError} */
export function evaluateUnary(
  { operator, operand }: Extract<Expression, { readonly kind: "unary" }>,
  scope: Scope,
  evaluate: Evaluate,
): Value {
  const value = evaluate(operand, scope);
  return operator === "!" ? bool(!asBool(value, operand)) : number(-asNumber(value, operand));
}

function asNumber(value: Value, operand: Expression, side?: string): number {
  const converted = operandAs(value, operand, { to: "number", side });
  return converted.kind === "number" ? converted.value : Number.NaN;
}

function asBool(value: Value, operand: Expression, side?: string): boolean {
  const converted = operandAs(value, operand, { to: "bool", side });
  return converted.kind === "bool" && converted.value;
}

function operandAs(
  value: Value,
  operand: Expression,
  { to, side }: { readonly to: "number" | "bool"; readonly side: string | undefined },
): Value {
  const which = side === undefined ? "unary operand" : `${side} operand`;
  const wrong = (why: string): HclError =>
    new HclError(operand.range, "Invalid operand", `Unsuitable value for ${which}: ${why}.`);
  if (value.kind === "null") throw wrong("argument must not be null");
  try {
    return convert(value, types[to]);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw wrong(
      value.kind === "string" ? error.message : `${typeName(types[to])} required, but have ${typeName(typeOf(value))}`,
    );
  }
}
