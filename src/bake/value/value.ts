import { listOf, mapOf, objectOf, setOf, type Type, tupleOf, types } from "./type.ts";

/** A value of an expression, as go-cty has them, without the unknown ones. Maps and objects are ordered by key, sets by value. */
export type Value =
  | { readonly kind: "null"; readonly type: Type }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "list" | "set"; readonly element: Type; readonly items: readonly Value[] }
  | { readonly kind: "map"; readonly element: Type; readonly entries: ReadonlyMap<string, Value> }
  | { readonly kind: "tuple"; readonly items: readonly Value[] }
  | { readonly kind: "object"; readonly entries: ReadonlyMap<string, Value> };

/** Lists, sets and tuples. */
export type Sequence = Extract<Value, { readonly items: unknown }>;

/** Maps and objects. */
export type Mapping = Extract<Value, { readonly entries: unknown }>;

/** A null of no particular type. */
export const nullValue: Value = { kind: "null", type: types.dynamic };

/** A text. */
export function text(value: string): Value {
  return { kind: "string", value };
}

/** A number. */
export function number(value: number): Value {
  // Minus zero is zero.
  return { kind: "number", value: value === 0 ? 0 : value };
}

/** A truth value. */
export function bool(value: boolean): Value {
  return { kind: "bool", value };
}

/** A tuple: what `[a, b]` makes. */
export function tuple(items: readonly Value[]): Value {
  return { kind: "tuple", items };
}

/** A list of elements that are of one type already. */
export function list(items: readonly Value[], element: Type): Value {
  return { kind: "list", element, items };
}

/** A list of texts. */
export function texts(items: readonly string[]): Value {
  return list(items.map(text), types.string);
}

/** A set of elements of one type: equal ones once, in order. */
export function set(items: readonly Value[], element: Type): Value {
  const unique = new Map(items.map((item) => [identity(item), item]));
  return { kind: "set", element, items: [...unique.values()].sort(compare) };
}

/** A map of elements that are of one type already. */
export function map(entries: Iterable<readonly [string, Value]>, element: Type): Value {
  return { kind: "map", element, entries: sorted(entries) };
}

/** An object: what `{a = b}` makes. */
export function object(entries: Iterable<readonly [string, Value]>): Value {
  return { kind: "object", entries: sorted(entries) };
}

function sorted(entries: Iterable<readonly [string, Value]>): ReadonlyMap<string, Value> {
  return new Map([...new Map(entries)].sort(([a], [b]) => compareText(a, b)));
}

/** By code points, as Go orders strings. */
export function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The order of a set's elements. */
function compare(a: Value, b: Value): number {
  if (a.kind === "number" && b.kind === "number") return a.value - b.value;
  if (a.kind === "bool" && b.kind === "bool") return Number(a.value) - Number(b.value);
  if (a.kind === "string" && b.kind === "string") return compareText(a.value, b.value);
  return compareText(identity(a), identity(b));
}

/** The type of a value. */
export function typeOf(value: Value): Type {
  switch (value.kind) {
    case "null":
      return value.type;
    case "list":
      return listOf(value.element);
    case "set":
      return setOf(value.element);
    case "map":
      return mapOf(value.element);
    case "tuple":
      return tupleOf(value.items.map(typeOf));
    case "object":
      return objectOf([...value.entries].map(([name, entry]) => [name, typeOf(entry)]));
    default:
      return types[value.kind];
  }
}

/** True for lists, sets and tuples. */
export function isSequence(value: Value): value is Sequence {
  return value.kind === "list" || value.kind === "set" || value.kind === "tuple";
}

/** True for maps and objects. */
export function isMapping(value: Value): value is Mapping {
  return value.kind === "map" || value.kind === "object";
}

/** True for values of one type that are the same; nulls are equal to each other. */
export function equalValues(a: Value, b: Value): boolean {
  return identity(a) === identity(b);
}

/** A text that equal values share. */
export function identity(value: Value): string {
  switch (value.kind) {
    case "null":
      return "null";
    case "list":
    case "set":
    case "tuple":
      return `${value.kind}[${value.items.map(identity).join()}]`;
    case "map":
    case "object":
      return `${value.kind}{${[...value.entries].map(([key, entry]) => `${JSON.stringify(key)}:${identity(entry)}`).join()}}`;
    default:
      return JSON.stringify(value.value);
  }
}

/** A number as text: whole, or with at most 15 digits, never with an exponent. */
export function numberText(value: number): string {
  if (Number.isInteger(value)) return BigInt(value).toString();
  const short = Number(value.toPrecision(15));
  const plain = String(short);
  if (!plain.includes("e")) return plain;
  const digits = Math.max(0, 14 - Math.floor(Math.log10(Math.abs(short))));
  return short.toFixed(Math.min(100, digits)).replace(/0+$/, "");
}
