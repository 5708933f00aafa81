import { areEqual } from "../eval/operators.ts";
import { ArgumentError, type Callable } from "../eval/scope.ts";
import { alike, asCollection } from "../value/convert.ts";
import { listOf, sameType, typeName, types } from "../value/type.ts";
import { unify } from "../value/unify.ts";
import {
  bool,
  identity,
  isMapping,
  isSequence,
  list,
  map,
  number,
  object,
  text,
  texts,
  tuple,
  typeOf,
  type Value,
} from "../value/value.ts";
import { define, entriesOf, itemsOf, param, textOf, wholeOf } from "./define.ts";

const dynamic = (name: string): ReturnType<typeof param> => param(name, "dynamic");
const nullableDynamic = (name: string): ReturnType<typeof param> => ({ ...dynamic(name), nullable: true });

/** A list where the given one is, of its type; a tuple otherwise. */
function like(given: Value | undefined, items: readonly Value[]): Value {
  return given?.kind === "list" || given?.kind === "set" ? list(items, given.element) : tuple(items);
}

function chunks(given: Value | undefined, size: number): Value {
  if (size < 0) throw new Error("the size argument must be positive");
  const items = itemsOf(given);
  const element = typeOf(given ?? tuple([]));
  if (size === 0 || items.length === 0) return list(items.length === 0 ? [] : [like(given, items)], element);
  const count = Math.ceil(items.length / size);
  const made = Array.from({ length: count }, (_, index) => like(given, items.slice(index * size, (index + 1) * size)));
  return list(made, element);
}

function coalesce(args: readonly Value[]): Value {
  const type = unify(args.map(typeOf));
  if (type === undefined) throw new Error("all arguments must have the same type");
  const { values } = alike(args) ?? { values: args };
  const found = values.find(({ kind }) => kind !== "null");
  if (found === undefined) throw new Error("no non-null arguments");
  return found;
}

function coalesceList(args: readonly Value[]): Value {
  if (args.length === 0) throw new Error("at least one argument is required");
  if (args.some((arg) => arg.kind !== "null" && !isSequence(arg)))
    throw new Error("coalescelist arguments must be lists or tuples");
  const found = args.find((arg) => isSequence(arg) && arg.items.length > 0);
  if (found === undefined) throw new Error("no non-null arguments");
  return found;
}

function concat(args: readonly Value[]): Value {
  if (args.length === 0) throw new Error("at least one argument is required");
  for (const [index, arg] of args.entries()) {
    if (arg.kind !== "list" && arg.kind !== "tuple")
      throw new ArgumentError(index, `all arguments must be lists or tuples; got ${typeName(typeOf(arg))}`, "seqs");
  }
  const items = args.flatMap(itemsOf);
  const type = args.every(({ kind }) => kind === "list") ? alike(items) : undefined;
  return type === undefined ? tuple(items) : list(type.values, type.type);
}

function element(given: Value | undefined, index: number): Value {
  if (given === undefined || !isSequence(given) || given.kind === "set")
    throw new Error(`cannot read elements from ${typeName(typeOf(given ?? tuple([])))}`);
  const { items } = given;
  const found = items[((index % items.length) + items.length) % items.length];
  if (found === undefined) throw new Error("cannot use element function with an empty list");
  return found;
}

function flatten(value: Value): readonly Value[] {
  return isSequence(value) ? value.items.flatMap(flatten) : [value];
}

function hasIndex(given: Value | undefined, key: Value | undefined): boolean {
  if (given !== undefined && isMapping(given)) return key?.kind === "string" && given.entries.has(key.value);
  if (given === undefined || !isSequence(given) || given.kind === "set")
    throw new Error("collection must be a list, a map or a tuple");
  return key?.kind === "number" && Number.isInteger(key.value) && given.items[key.value] !== undefined;
}

function indexed(given: Value | undefined, key: Value | undefined): Value {
  const isMap = given !== undefined && isMapping(given);
  if (isMap && key?.kind !== "string") throw new Error("key for map must be string");
  if (!isMap && key?.kind !== "number") throw new Error("key for list must be number");
  const found = hasIndex(given, key) && key !== undefined ? at(given, key) : undefined;
  if (found === undefined) throw new Error("invalid index");
  return found;
}

function at(given: Value | undefined, key: Value): Value | undefined {
  return key.kind === "string" ? entriesOf(given).get(key.value) : itemsOf(given)[wholeOf(key)];
}

function indexOf(given: Value | undefined, wanted: Value | undefined): Value {
  if (given?.kind !== "list" && given?.kind !== "tuple") throw new Error("argument must be a list or tuple");
  if (given.items.length === 0) throw new Error("cannot search an empty list");
  const found = given.items.findIndex((item) => wanted !== undefined && areEqual(item, wanted));
  if (found < 0) throw new Error("item not found");
  return number(found);
}

function lengthOf(given: Value | undefined): Value {
  if (given !== undefined && isSequence(given)) return number(given.items.length);
  if (given !== undefined && isMapping(given)) return number(given.entries.size);
  throw new Error("collection must be a list, a map or a tuple");
}

function lookup([given, key, fallback]: readonly Value[]): Value {
  if (given === undefined || !isMapping(given))
    throw new ArgumentError(0, "lookup() requires a map as the first argument", "inputMap");
  const found = given.entries.get(textOf(key)) ?? fallback;
  if (found === undefined) throw new Error(`lookup failed to find key ${JSON.stringify(textOf(key))}`);
  return found;
}

function merge(args: readonly Value[]): Value {
  const given = args.filter(({ kind }) => kind !== "null");
  for (const arg of given) {
    if (!isMapping(arg))
      throw new Error(`arguments must be maps or objects, got ${JSON.stringify(typeName(typeOf(arg)))}`);
  }
  const entries = given.flatMap((arg) => [...entriesOf(arg)]);
  const [first] = given;
  const isMap = first?.kind === "map" && given.every((arg) => sameType(typeOf(arg), typeOf(first)));
  return isMap ? map(entries, first.element) : object(entries);
}

function range(args: readonly Value[]): Value {
  const numbers = args.map((arg) => (arg.kind === "number" ? arg.value : Number.NaN));
  if (numbers.length === 0 || numbers.length > 3) throw new Error("must have one, two, or three arguments");
  const [start, end] = numbers.length === 1 ? [0, numbers[0] ?? 0] : [numbers[0] ?? 0, numbers[1] ?? 0];
  const step = numbers[2] ?? (end < start ? -1 : 1);
  if (step === 0) throw new Error("step must not be zero");
  if (step > 0 && end < start) throw new Error("end must be greater than start when step is positive");
  if (step < 0 && end > start) throw new Error("end must be less than start when step is negative");
  const count = Math.ceil((end - start) / step);
  if (count > 1024)
    throw new Error(
      "more than 1024 values were generated; either decrease the difference between start and end or use a smaller step",
    );
  return list(
    Array.from({ length: count }, (_, index) => number(start + index * step)),
    types.number,
  );
}

function slice([given, from, to]: readonly Value[]): Value {
  if (given?.kind === "set")
    throw new ArgumentError(
      0,
      "cannot slice a set, because its elements do not have indices; explicitly convert to a list if the ordering of the result is not important",
      "list",
    );
  const items = itemsOf(given);
  const [start, end] = [wholeOf(from), wholeOf(to)];
  const wrong = (index: number, why: string): ArgumentError =>
    new ArgumentError(index, why, index === 1 ? "start_index" : "end_index");
  if (start < 0) throw wrong(1, "start index must not be less than zero");
  if (start > items.length) throw wrong(1, "start index must not be greater than the length of the list");
  if (end < 0) throw wrong(2, "end index must not be less than zero");
  if (end > items.length) throw wrong(2, "end index must not be greater than the length of the list");
  if (start > end) throw wrong(1, "start index must not be greater than end index");
  return like(given, items.slice(start, end));
}

function zip(keys: readonly Value[], values: Value | undefined): Value {
  const items = itemsOf(values);
  if (keys.length !== items.length)
    throw new Error(`number of keys (${keys.length}) does not match number of values (${items.length})`);
  const entries = keys.map((key, index) => [textOf(key), items[index] ?? text("")] as const);
  return values?.kind === "list" ? map(entries, values.element) : object(entries);
}

/** Functions of lists, maps and their like. @see go-cty, function/stdlib/collection.go */
export const collectionFunctions: Readonly<Record<string, Callable>> = {
  chunklist: define({
    params: [dynamic("list"), param("size", "number")],
    run: ([given, size]) => chunks(given === undefined ? given : asCollection(given), wholeOf(size)),
  }),
  coalesce: define({ params: [], rest: nullableDynamic("vals"), run: coalesce }),
  coalescelist: define({ params: [], rest: nullableDynamic("vals"), run: coalesceList }),
  compact: define({
    params: [param("list", listOf(types.string))],
    run: ([given]) =>
      texts(itemsOf(given).flatMap((item) => (item.kind === "string" && item.value !== "" ? item.value : []))),
  }),
  concat: define({ params: [], rest: dynamic("seqs"), run: concat }),
  contains: define({
    params: [dynamic("list"), dynamic("value")],
    run: ([given, wanted]) => bool(itemsOf(given).some((item) => wanted !== undefined && areEqual(item, wanted))),
  }),
  distinct: define({
    params: [dynamic("list")],
    run: ([given]) => {
      const collection = asCollection(given ?? tuple([]));
      const seen = new Map(itemsOf(collection).map((item) => [identity(item), item]));
      return like(collection, [...seen.values()]);
    },
  }),
  element: define({
    params: [dynamic("list"), param("index", "number")],
    run: ([given, index]) => element(given, wholeOf(index)),
  }),
  flatten: define({
    params: [dynamic("list")],
    run: ([given]) => {
      if (given === undefined || !isSequence(given)) throw new Error("can only flatten lists, sets and tuples");
      return tuple(flatten(given));
    },
  }),
  hasindex: define({
    params: [dynamic("collection"), dynamic("key")],
    run: ([given, key]) => bool(hasIndex(given, key)),
  }),
  index: define({ params: [dynamic("collection"), dynamic("key")], run: ([given, key]) => indexed(given, key) }),
  indexof: define({ params: [dynamic("list"), dynamic("value")], run: ([given, wanted]) => indexOf(given, wanted) }),
  keys: define({
    params: [dynamic("inputMap")],
    run: ([given]) => {
      if (given === undefined || !isMapping(given))
        throw new ArgumentError(0, "must have map or object type", "inputMap");
      const names = [...given.entries.keys()];
      return given.kind === "map" ? texts(names) : tuple(names.map(text));
    },
  }),
  length: define({ params: [dynamic("collection")], run: ([given]) => lengthOf(given) }),
  lookup: define({ params: [dynamic("inputMap"), param("key", "string"), nullableDynamic("default")], run: lookup }),
  merge: define({ params: [], rest: nullableDynamic("maps"), run: merge }),
  range: define({ params: [], rest: param("params", "number"), run: range }),
  reverselist: define({
    params: [dynamic("list")],
    run: ([given]) => {
      if (given === undefined || !isSequence(given))
        throw new ArgumentError(
          0,
          `can only reverse list or tuple values, not ${typeName(typeOf(given ?? tuple([])))}`,
          "list",
        );
      return like(given, given.items.toReversed());
    },
  }),
  slice: define({
    params: [dynamic("list"), param("start_index", "number"), param("end_index", "number")],
    run: slice,
  }),
  values: define({
    params: [dynamic("mapping")],
    run: ([given]) => {
      if (given === undefined || !isMapping(given)) throw new Error("values() requires a map as the first argument");
      const items = [...given.entries.values()];
      return given.kind === "map" ? list(items, given.element) : tuple(items);
    },
  }),
  zipmap: define({
    params: [param("keys", listOf(types.string)), dynamic("values")],
    run: ([keys, values]) => zip(itemsOf(keys), values),
  }),
};
