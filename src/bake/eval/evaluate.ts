import type { Expression } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import { across, type Range } from "../hcl/source.ts";
import { alike, ConversionError, convert } from "../value/convert.ts";
import { isPrimitive, type Type, typeName, types } from "../value/type.ts";
import { isSequence, list, object, text, tuple, typeOf, type Value } from "../value/value.ts";
import { evaluateCall } from "./call.ts";
import { evaluateFor } from "./for.ts";
import { evaluateBinary, evaluateUnary } from "./operators.ts";
import { CycleError, type Scope } from "./scope.ts";
import { sizeOf } from "./size.ts";
import { applySteps } from "./steps.ts";
import { didYouMean } from "./suggest.ts";

/** The value of an expression. @throws {HclError} in HCL's words @see HCL, hclsyntax/spec.md "Expressions" */
export function evaluate(expression: Expression, scope: Scope): Value {
  const value = evaluateKind(expression, scope);
  // What is referred to was paid for where it was made.
  scope.budget.spend(expression.kind === "reference" ? 1 : sizeOf(value));
  return value;
}

function evaluateKind(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "template":
      return evaluateTemplate(expression.parts, scope);
    case "join":
      return joinTexts(expression, scope);
    case "reference":
      return evaluateReference(expression, scope);
    case "steps":
      return applySteps(evaluate(expression.target, scope), expression.steps, { scope, evaluate });
    case "splat":
      return evaluateSplat(expression, scope);
    case "call":
      return evaluateCall(expression, scope, evaluate);
    case "conditional":
      return evaluateConditional(expression, scope);
    case "binary":
      return evaluateBinary(expression, scope, evaluate);
    case "unary":
      return evaluateUnary(expression, scope, evaluate);
    case "tuple":
      return tuple(expression.items.map((item) => evaluate(item, scope)));
    case "object":
      return evaluateObject(expression, scope);
    case "parentheses":
      return evaluate(expression.inner, scope);
    case "for":
      return evaluateFor(expression, scope, evaluate);
    default:
      return expression satisfies never;
  }
}

function evaluateTemplate(parts: readonly Expression[], scope: Scope): Value {
  let result = "";
  for (const part of parts) {
    result += templateText(evaluate(part, scope), part.range);
    scope.budget.spendText(result.length);
  }
  return text(result);
}

function joinTexts({ values, range }: Extract<Expression, { readonly kind: "join" }>, scope: Scope): Value {
  const parts = evaluateFor(values, scope, evaluate);
  const result = isSequence(parts) ? parts.items.map((part) => templateText(part, range)).join("") : "";
  scope.budget.spendText(result.length);
  return text(result);
}

function templateText(value: Value, range: Range): string {
  const summary = "Invalid template interpolation value";
  if (value.kind === "null")
    throw new HclError(
      range,
      summary,
      "The expression result is null. Cannot include a null value in a string template.",
    );
  if (!isPrimitive(typeOf(value)))
    throw new HclError(
      range,
      summary,
      `Cannot include the given value in a string template: string required, but have ${typeName(typeOf(value))}.`,
    );
  const converted = convert(value, types.string);
  return converted.kind === "string" ? converted.value : "";
}

function evaluateReference(reference: Extract<Expression, { readonly kind: "reference" }>, scope: Scope): Value {
  const { name, steps, range } = reference;
  const found = lookedUp(reference, scope);
  if (found === undefined) {
    const own = { ...range, end: range.start + name.length };
    const meant = didYouMean(name, scope.variableNames());
    throw new HclError(own, "Unknown variable", `There is no variable named ${JSON.stringify(name)}.${meant}`);
  }
  return applySteps(found.value, steps.slice(found.used), { scope, evaluate });
}

function lookedUp(
  { name, steps, range }: Extract<Expression, { readonly kind: "reference" }>,
  scope: Scope,
): ReturnType<Scope["variable"]> {
  try {
    return scope.variable(name, steps);
  } catch (error) {
    if (!(error instanceof CycleError)) throw error;
    throw new HclError(range, "Invalid expression", error.message, error);
  }
}

function evaluateSplat(splat: Extract<Expression, { readonly kind: "splat" }>, scope: Scope): Value {
  const target = evaluate(splat.target, scope);
  if (target.kind === "null") {
    if (target.type.kind === "list" || target.type.kind === "set" || target.type.kind === "tuple")
      throw new HclError(
        splat.target.range,
        "Splat of null value",
        "Splat expressions (with the * symbol) cannot be applied to null sequences.",
      );
    return tuple([]);
  }
  const items = isSequence(target) ? target.items : [target];
  scope.budget.spend(items.length);
  const results = items.map((item) => applySteps(item, splat.steps, { scope, evaluate }));
  const made = target.kind === "list" || target.kind === "set" ? alike(results) : undefined;
  return made === undefined ? tuple(results) : list(made.values, made.type);
}

function evaluateConditional(
  { condition, whenTrue, whenFalse }: Extract<Expression, { readonly kind: "conditional" }>,
  scope: Scope,
): Value {
  const decided = asCondition(evaluate(condition, scope), condition.range);
  const [chosen, other] = decided ? [whenTrue, whenFalse] : [whenFalse, whenTrue];
  const value = evaluate(chosen, scope);
  const unchosen = evaluated(other, scope);
  if (unchosen === undefined) return value;
  scope.budget.spend(sizeOf(value) + sizeOf(unchosen));
  const [result] = alike([value, unchosen])?.values ?? [];
  if (result !== undefined) return result;
  const [yes, no] = (decided ? [value, unchosen] : [unchosen, value]).map((each) => typeName(typeOf(each)));
  const types = yes === no ? "" : ` The 'true' value is ${yes}, but the 'false' value is ${no}.`;
  throw new HclError(
    across(whenTrue.range, whenFalse.range),
    "Inconsistent conditional result types",
    `The true and false result expressions must have consistent types.${types}`,
  );
}

/** The branch that isn't taken gives its type alone: what is wrong in it doesn't matter. */
function evaluated(expression: Expression, scope: Scope): Value | undefined {
  try {
    return evaluate(expression, scope);
  } catch (error) {
    if (!(error instanceof HclError)) throw error;
    return undefined;
  }
}

function asCondition(value: Value, range: Range): boolean {
  if (value.kind === "null")
    throw new HclError(
      range,
      "Null condition",
      "The condition value is null. Conditions must either be true or false.",
    );
  try {
    const converted = convert(value, types.bool);
    return converted.kind === "bool" && converted.value;
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new HclError(range, "Incorrect condition type", "The condition expression must be of type bool.", error);
  }
}

function evaluateObject({ items }: Extract<Expression, { readonly kind: "object" }>, scope: Scope): Value {
  const entries = items.map(
    ({ key, value }) => [keyText(evaluate(key, scope), key.range), evaluate(value, scope)] as const,
  );
  return object(entries);
}

function keyText(value: Value, range: Range): string {
  if (value.kind === "null") throw new HclError(range, "Null value as key", "Can't use a null value as a key.");
  const converted = asKeyType(value, types.string, range);
  return converted.kind === "string" ? converted.value : "";
}

function asKeyType(value: Value, to: Type, range: Range): Value {
  try {
    return convert(value, to);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new HclError(range, "Incorrect key type", `Can't use this value as a key: ${error.message}.`, error);
  }
}
