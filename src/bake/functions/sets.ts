import { ArgumentError, type Callable } from "../eval/scope.ts";
import { alike, asCollection, asSet } from "../value/convert.ts";
import { types } from "../value/type.ts";
import { bool, identity, list, set, tuple, typeOf, type Value } from "../value/value.ts";
import { define, itemsOf, param } from "./define.ts";

const setType = { kind: "set", element: types.dynamic } as const;

/** Sets of one type of elements. */
function together(args: readonly Value[]): { readonly sets: readonly (readonly Value[])[]; readonly all: Value } {
  const sets = args.map((arg) => itemsOf(asSet(arg)));
  const common = alike(sets.flat());
  if (common === undefined) throw new Error("all sets must have the same element type");
  let at = 0;
  const converted = sets.map((items) => {
    at += items.length;
    return common.values.slice(at - items.length, at);
  });
  return { sets: converted, all: set([], common.type) };
}

function combine(run: (a: readonly Value[], b: readonly Value[]) => readonly Value[]): Callable {
  return define({
    params: [param("first_set", setType)],
    rest: param("other_sets", setType),
    run: (args) => {
      const { sets, all } = together(args);
      const [first = [], ...others] = sets;
      const items = others.reduce<readonly Value[]>((made, other) => run(made, other), first);
      return all.kind === "set" ? set(items, all.element) : all;
    },
  });
}

function lacking(a: readonly Value[], b: readonly Value[]): readonly Value[] {
  const there = new Set(b.map(identity));
  return a.filter((item) => !there.has(identity(item)));
}

function having(a: readonly Value[], b: readonly Value[]): readonly Value[] {
  const there = new Set(b.map(identity));
  return a.filter((item) => there.has(identity(item)));
}

function product(args: readonly Value[], spend: (steps: number) => void): Value {
  if (args.length < 2) throw new Error("at least two arguments are required");
  const collections = args.map((arg, index) => {
    const collection = asCollection(arg);
    if (collection.kind === "list" || collection.kind === "set") return collection;
    throw new ArgumentError(index, "a set or a list is required", "sets");
  });
  spend(collections.reduce((count, { items }) => count * items.length, args.length));
  let rows: readonly (readonly Value[])[] = [[]];
  for (const { items } of collections) rows = rows.flatMap((row) => items.map((item) => [...row, item]));
  const made = rows.map(tuple);
  const element = typeOf(made[0] ?? tuple([]));
  return collections.every(({ kind }) => kind === "set") ? set(made, element) : list(made, element);
}

/** Functions of sets. @see go-cty, function/stdlib/set.go */
export const setFunctions: Readonly<Record<string, Callable>> = {
  sethaselement: define({
    params: [param("set", setType), param("elem", "dynamic")],
    run: ([given, wanted]) => {
      const { sets } = together([given ?? tuple([]), tuple(wanted === undefined ? [] : [wanted])]);
      const [all = [], one = []] = sets;
      return bool(having(one, all).length > 0);
    },
  }),
  setintersection: combine(having),
  setproduct: define({
    params: [],
    rest: param("sets", "dynamic"),
    run: (args, { budget }) => product(args, (steps) => budget.spend(steps)),
  }),
  setsubtract: combine(lacking),
  setsymmetricdifference: combine((a, b) => [...lacking(a, b), ...lacking(b, a)]),
  setunion: combine((a, b) => [...a, ...b]),
};
