import { constraintName, isPrimitive, listOf, mapOf, sameType, setOf, type Type, typeName, types } from "./type.ts";
import { unify } from "./unify.ts";
import {
  bool,
  isMapping,
  isSequence,
  list,
  type Mapping,
  map,
  number,
  numberText,
  object,
  type Sequence,
  set,
  text,
  tuple,
  typeOf,
  type Value,
} from "./value.ts";

/** A value that has no form of the wanted type. The message is go-cty's: `string required, but have tuple`. */
export class ConversionError extends Error {
  override readonly name: string = "ConversionError";
}

/** The same value as another type. @throws {ConversionError} */
export function convert(value: Value, to: Type): Value {
  if (to.kind === "dynamic") return value;
  if (value.kind === "null") return { kind: "null", type: to };
  switch (to.kind) {
    case "list":
    case "set":
      return toCollection(value, to);
    case "map":
      return toMap(value, to);
    case "tuple":
      return toTuple(value, to);
    case "object":
      return toObject(value, to);
    default:
      return toPrimitive(value, to);
  }
}

function toPrimitive(value: Value, to: Type): Value {
  if (value.kind === to.kind) return value;
  switch (to.kind) {
    case "string":
      if (value.kind === "number") return text(numberText(value.value));
      if (value.kind === "bool") return text(String(value.value));
      break;
    case "number":
      if (value.kind === "string") return readNumber(value.value);
      break;
    default:
      if (value.kind === "string") return readBool(value.value);
  }
  throw mismatch(value, to);
}

/** A number as text has it. @throws {ConversionError} */
export function readNumber(given: string): Value {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(given)) {
    const value = Number(given);
    if (Number.isFinite(value)) return number(value);
  }
  throw new ConversionError("a number is required");
}

function readBool(given: string): Value {
  if (given === "true" || given === "1") return bool(true);
  if (given === "false" || given === "0") return bool(false);
  const meant = ["true", "false"].find((word) => word === given.toLowerCase());
  const hint = meant === undefined ? "" : `; to convert from string, use lowercase ${JSON.stringify(meant)}`;
  throw new ConversionError(`a bool is required${hint}`);
}

function toCollection(value: Value, to: Extract<Type, { readonly element: Type }>): Value {
  if (!isSequence(value)) throw mismatch(value, to);
  const element = elementType(value.items, to);
  const items = value.items.map((item, index) => within(item, element, { value, place: `element ${index}` }));
  return to.kind === "set" ? set(items, element) : list(items, element);
}

function toMap(value: Value, to: Extract<Type, { readonly element: Type }>): Value {
  if (!isMapping(value)) throw mismatch(value, to);
  const element = elementType([...value.entries.values()], to);
  const convertEntry = ([key, entry]: readonly [string, Value]): readonly [string, Value] => [
    key,
    within(entry, element, { value, place: `element ${JSON.stringify(key)}` }),
  ];
  return map([...value.entries].map(convertEntry), element);
}

/** What the elements are to be: where that is open, what they have in common. */
function elementType(
  items: readonly Value[],
  { kind, element }: { readonly kind: string; readonly element: Type },
): Type {
  if (element.kind !== "dynamic") return element;
  const common = unify(items.map(typeOf));
  if (common === undefined) throw new ConversionError(`all ${kind} elements must have the same type`);
  return common;
}

function within(
  item: Value,
  to: Type,
  { value, place }: { readonly value: Sequence | Mapping; readonly place: string },
): Value {
  try {
    return convert(item, to);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    const isStructure = value.kind === "tuple" || value.kind === "object";
    if (isStructure || isPrimitive(typeOf(item))) throw new ConversionError(`${place}: ${error.message}`);
    throw new ConversionError(`incorrect ${value.kind} element type: ${error.message}`);
  }
}

function toTuple(value: Value, to: Extract<Type, { readonly kind: "tuple" }>): Value {
  if (!isSequence(value) || value.kind === "set" || value.items.length !== to.elements.length)
    throw mismatch(value, to);
  const items = value.items.map((item, index) => {
    const type = to.elements[index];
    return type === undefined ? item : within(item, type, { value, place: `element ${index}` });
  });
  return tuple(items);
}

function toObject(value: Value, to: Extract<Type, { readonly kind: "object" }>): Value {
  if (!isMapping(value)) throw mismatch(value, to);
  const missing = [...to.attributes.keys()].filter((name) => !value.entries.has(name) && !to.optional.has(name));
  if (missing.length > 0) throw new ConversionError(missingText(missing.sort()));
  const entries = [...to.attributes].map(([name, type]) => {
    const entry = value.entries.get(name);
    if (entry === undefined) return [name, { kind: "null", type }] as const;
    return [name, attribute(entry, type, name)] as const;
  });
  return object(entries);
}

function attribute(entry: Value, type: Type, name: string): Value {
  try {
    return convert(entry, type);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new ConversionError(`attribute ${JSON.stringify(name)}: ${error.message}`);
  }
}

function missingText(names: readonly string[]): string {
  const quoted = names.map((name) => JSON.stringify(name));
  const [first = "", second = ""] = quoted;
  if (quoted.length === 1) return `attribute ${first} is required`;
  if (quoted.length === 2) return `attributes ${first} and ${second} are required`;
  return `attributes ${quoted.slice(0, -1).join(", ")}, and ${quoted.at(-1)} are required`;
}

function mismatch(value: Value, to: Type): ConversionError {
  const have = typeOf(value);
  const isCollection = to.kind === "list" || to.kind === "set" || to.kind === "map";
  if (isCollection && !isPrimitive(have)) return new ConversionError(`${constraintName(to)} required`);
  if (isPrimitive(have) && isPrimitive(to) && to.kind !== "string")
    return new ConversionError(`${constraintName(to)} required`);
  return new ConversionError(`${typeName(to)} required, but have ${typeName(have)}`);
}

/** Values as one type that all of them can have. @returns undefined where there is none */
export function alike(
  values: readonly Value[],
): { readonly values: readonly Value[]; readonly type: Type } | undefined {
  const type = unify(values.map(typeOf));
  if (type === undefined) return undefined;
  try {
    return { values: values.map((value) => convert(value, type)), type };
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    return undefined;
  }
}

/** A tuple as a list of what its elements have in common, an object as a map; others as they are. */
export function asCollection(value: Value): Value {
  if (value.kind === "tuple") return convert(value, listOf(types.dynamic));
  return value.kind === "object" ? convert(value, mapOf(types.dynamic)) : value;
}

/** True where two values can be compared as they are. */
export function comparable(a: Value, b: Value): boolean {
  return sameType(typeOf(a), typeOf(b));
}

/** The elements of a list, set or tuple as a set. @throws {ConversionError} */
export function asSet(value: Value): Value {
  return convert(value, setOf(types.dynamic));
}
