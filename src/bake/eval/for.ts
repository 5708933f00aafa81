import type { Expression, ForExpression } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import type { Range } from "../hcl/source.ts";
import { ConversionError, convert } from "../value/convert.ts";
import { typeName, types } from "../value/type.ts";
import { isMapping, isSequence, number, object, text, tuple, typeOf, type Value } from "../value/value.ts";
import { type Scope, within } from "./scope.ts";

type Evaluate = (expression: Expression, scope: Scope) => Value;

/** The value of `[for …]` and `{for …}`. @throws {HclError} */
export function evaluateFor(loop: ForExpression, scope: Scope, evaluate: Evaluate): Value {
  const rounds = roundsOf(evaluate(loop.collection, scope), loop.collection.range);
  scope.budget.spend(rounds.length);
  const chosen = rounds
    .map(([key, value]) => within(scope, namesOf(loop, key, value)))
    .filter((round) => isWanted(loop, round, evaluate));
  if (loop.key === undefined) return tuple(chosen.map((round) => evaluate(loop.value, round)));
  const { key } = loop;
  return collect(
    loop,
    chosen.map((round) => [keyOf(evaluate(key, round), key.range), evaluate(loop.value, round)] as const),
  );
}

function namesOf({ keyName, valueName }: ForExpression, key: Value, value: Value): ReadonlyMap<string, Value> {
  return new Map(
    keyName === undefined
      ? [[valueName, value]]
      : [
          [keyName, key],
          [valueName, value],
        ],
  );
}

function roundsOf(collection: Value, range: Range): readonly (readonly [Value, Value])[] {
  if (collection.kind === "null")
    throw new HclError(
      range,
      "Iteration over null value",
      "A null value cannot be used as the collection in a 'for' expression.",
    );
  if (collection.kind === "set") return collection.items.map((item) => [item, item]);
  if (isSequence(collection)) return collection.items.map((item, index) => [number(index), item]);
  if (isMapping(collection)) return [...collection.entries].map(([key, entry]) => [text(key), entry]);
  throw new HclError(
    range,
    "Iteration over non-iterable value",
    `A value of type ${typeName(typeOf(collection))} cannot be used as the collection in a 'for' expression.`,
  );
}

function isWanted({ condition }: ForExpression, round: Scope, evaluate: Evaluate): boolean {
  if (condition === undefined) return true;
  const value = evaluate(condition, round);
  if (value.kind === "null")
    throw new HclError(condition.range, "Condition is null", "The value of the 'if' clause must not be null.");
  const decided = converted(
    value,
    "bool",
    (why) => new HclError(condition.range, "Invalid 'for' condition", `The 'if' clause value is invalid: ${why}.`),
  );
  return decided.kind === "bool" && decided.value;
}

function keyOf(value: Value, range: Range): string {
  const summary = "Invalid object key";
  if (value.kind === "null")
    throw new HclError(range, summary, "Key expression in 'for' expression must not produce a null value.");
  const key = converted(
    value,
    "string",
    (why) => new HclError(range, summary, `The key expression produced an invalid result: ${why}.`),
  );
  return key.kind === "string" ? key.value : "";
}

function converted(value: Value, to: "bool" | "string", wrong: (why: string) => HclError): Value {
  try {
    return convert(value, types[to]);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw wrong(error.message);
  }
}

function collect({ grouped, key, range }: ForExpression, entries: readonly (readonly [string, Value])[]): Value {
  const groups = new Map<string, Value[]>();
  for (const [name, value] of entries) {
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [value]);
    else if (grouped) group.push(value);
    else
      throw new HclError(
        key?.range ?? range,
        "Duplicate object key",
        `Two different items produced the key ${JSON.stringify(name)} in this 'for' expression. If duplicates are expected, use the ellipsis (...) after the value expression to enable grouping by key.`,
      );
  }
  return object(grouped ? [...groups].map(([name, group]) => [name, tuple(group)] as const) : entries);
}
