import { isPrimitive, listOf, mapOf, objectOf, sameType, setOf, type Type, tupleOf, types } from "./type.ts";

/** The type that values of all of these can have; undefined where there is none. @see go-cty, docs/convert.md "Type Unification" */
export function unify(all: readonly Type[]): Type | undefined {
  const known = all.filter(({ kind }) => kind !== "dynamic");
  const [first, ...others] = known;
  if (first === undefined) return types.dynamic;
  if (others.every((type) => sameType(first, type))) return first;
  if (known.every(isPrimitive)) return types.string;
  const alike = structure(first, known);
  if (alike !== undefined) return alike;
  const element = (kinds: readonly Type["kind"][]): Type | undefined =>
    known.every(({ kind }) => kinds.includes(kind)) ? unify(known.flatMap(elementsOf)) : undefined;
  // A tuple becomes a set beside one, a set a list beside one.
  if (known.some(({ kind }) => kind === "set") && known.every(({ kind }) => kind !== "list"))
    return wrap(setOf, element(["set", "tuple"]));
  const sequence = element(["list", "tuple", "set"]);
  return wrap(listOf, sequence) ?? wrap(mapOf, element(["map", "object"]));
}

/** Tuples of one length and objects of the same attributes stay what they are, where each place has a type. */
function structure(first: Type, all: readonly Type[]): Type | undefined {
  if (first.kind === "tuple") {
    const tuples = all.filter((type) => type.kind === "tuple" && type.elements.length === first.elements.length);
    if (tuples.length !== all.length) return undefined;
    const places = first.elements.map((_, place) => unify(tuples.flatMap((type) => elementsOf(type)[place] ?? [])));
    return places.every((type) => type !== undefined) ? tupleOf(places) : undefined;
  }
  if (first.kind !== "object") return undefined;
  const names = [...first.attributes.keys()];
  const objects = all.filter((type) => type.kind === "object" && type.attributes.size === names.length);
  const entries = names.map((name) => {
    const found = objects.flatMap((type) => (type.kind === "object" ? (type.attributes.get(name) ?? []) : []));
    return [name, found.length === all.length ? unify(found) : undefined] as const;
  });
  const typed = entries.flatMap(([name, type]) => (type === undefined ? [] : [[name, type] as const]));
  return typed.length === names.length ? objectOf(typed) : undefined;
}

function wrap(make: (element: Type) => Type, element: Type | undefined): Type | undefined {
  return element === undefined ? undefined : make(element);
}

function elementsOf(type: Type): readonly Type[] {
  switch (type.kind) {
    case "list":
    case "set":
    case "map":
      return [type.element];
    case "tuple":
      return type.elements;
    case "object":
      return [...type.attributes.values()];
    default:
      return [];
  }
}
