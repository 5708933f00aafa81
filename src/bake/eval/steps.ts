import type { Expression, Step } from "../hcl/ast.ts";
import { HclError } from "../hcl/hcl-error.ts";
import type { Range } from "../hcl/source.ts";
import { ConversionError, convert } from "../value/convert.ts";
import { isPrimitive, typeName, types } from "../value/type.ts";
import { isMapping, isSequence, type Mapping, type Sequence, typeOf, type Value } from "../value/value.ts";
import type { Scope } from "./scope.ts";

/** What steps are taken with. */
export interface StepContext {
  readonly scope: Scope;
  readonly evaluate: (expression: Expression, scope: Scope) => Value;
}

/** Go into a value: `.name` and `[key]`. @throws {HclError} */
export function applySteps(target: Value, steps: readonly Step[], context: StepContext): Value {
  let value = target;
  for (const step of steps) {
    context.scope.budget.spend(1);
    value =
      step.kind === "attribute"
        ? attributeOf(value, step.name, step.range)
        : elementOf(value, context.evaluate(step.key, context.scope), step.range);
  }
  return value;
}

function attributeOf(value: Value, name: string, range: Range): Value {
  if (value.kind === "null")
    throw new HclError(
      range,
      "Attempt to get attribute from null value",
      "This value is null, so it does not have any attributes.",
    );
  const quoted = JSON.stringify(name);
  if (isMapping(value)) {
    const entry = value.entries.get(name);
    if (entry !== undefined) return entry;
    throw value.kind === "map"
      ? new HclError(range, "Missing map element", `This map does not have an element with the key ${quoted}.`)
      : new HclError(range, "Unsupported attribute", `This object does not have an attribute named ${quoted}.`);
  }
  const detail = isPrimitive(typeOf(value))
    ? `Can't access attributes on a primitive-typed value (${typeName(typeOf(value))}).`
    : "This value does not have any attributes.";
  throw new HclError(range, "Unsupported attribute", detail);
}

const notThere = "The given key does not identify an element in this collection value";

function elementOf(value: Value, key: Value, range: Range): Value {
  if (value.kind === "null")
    throw new HclError(range, "Attempt to index null value", "This value is null, so it does not have any indices.");
  if (key.kind === "null") throw invalid(range, "Can't use a null value as an indexing key.");
  if (value.kind === "set")
    throw invalid(
      range,
      "Elements of a set are identified only by their value and don't have any separate index or key to select with, so it's only possible to perform operations across all elements of the set.",
    );
  if (isSequence(value)) return itemOf(value, key, range);
  if (isMapping(value)) return entryOf(value, key, range);
  throw invalid(range, "This value does not have any indices.");
}

function itemOf({ items }: Sequence, key: Value, range: Range): Value {
  const index = keyAs(key, "number", range);
  if (index.kind !== "number" || !Number.isInteger(index.value))
    throw invalid(
      range,
      `${notThere}: indexing a sequence requires a whole number, but the given index has a fractional part.`,
    );
  if (index.value < 0) throw invalid(range, `${notThere}: a negative number is not a valid index for a sequence.`);
  const item = items[index.value];
  if (item !== undefined) return item;
  const why =
    items.length === 0
      ? "the collection has no elements"
      : "the given index is greater than or equal to the length of the collection";
  throw invalid(range, `${notThere}: ${why}.`);
}

function entryOf({ entries }: Mapping, key: Value, range: Range): Value {
  const name = keyAs(key, "string", range);
  const entry = name.kind === "string" ? entries.get(name.value) : undefined;
  if (entry === undefined) throw invalid(range, `${notThere}.`);
  return entry;
}

function keyAs(key: Value, type: "string" | "number", range: Range): Value {
  try {
    return convert(key, types[type]);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw invalid(range, `${notThere}: ${error.message}.`);
  }
}

function invalid(range: Range, detail: string): HclError {
  return new HclError(range, "Invalid index", detail);
}
