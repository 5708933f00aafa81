/** Type of a value, as go-cty has them. `dynamic` is any. */
export type Type =
  | { readonly kind: "string" | "number" | "bool" | "dynamic" }
  | { readonly kind: "list" | "set" | "map"; readonly element: Type }
  | { readonly kind: "tuple"; readonly elements: readonly Type[] }
  | {
      readonly kind: "object";
      readonly attributes: ReadonlyMap<string, Type>;
      /** Those that a value may lack. */
      readonly optional: ReadonlySet<string>;
    };

/** The types without parameters. */
export const types: { readonly [Kind in "string" | "number" | "bool" | "dynamic"]: { readonly kind: Kind } } = {
  string: { kind: "string" },
  number: { kind: "number" },
  bool: { kind: "bool" },
  dynamic: { kind: "dynamic" },
};

/** `list(T)` */
export function listOf(element: Type): Type {
  return { kind: "list", element };
}

/** `set(T)` */
export function setOf(element: Type): Type {
  return { kind: "set", element };
}

/** `map(T)` */
export function mapOf(element: Type): Type {
  return { kind: "map", element };
}

/** `tuple([T, …])` */
export function tupleOf(elements: readonly Type[]): Type {
  return { kind: "tuple", elements };
}

/** `object({name = T, …})`, its attributes by name. */
export function objectOf(attributes: Iterable<readonly [string, Type]>, optional: Iterable<string> = []): Type {
  return { kind: "object", attributes: new Map(attributes), optional: new Set(optional) };
}

/** True for string, number and bool. */
export function isPrimitive({ kind }: Type): boolean {
  return kind === "string" || kind === "number" || kind === "bool";
}

/** True for equal types. */
export function sameType(a: Type, b: Type): boolean {
  switch (a.kind) {
    case "list":
    case "set":
    case "map":
      return a.kind === b.kind && sameType(a.element, b.element);
    case "tuple":
      return b.kind === "tuple" && a.elements.length === b.elements.length && a.elements.every(same(b.elements));
    case "object":
      return b.kind === "object" && sameAttributes(a.attributes, b.attributes);
    default:
      return a.kind === b.kind;
  }
}

function same(others: readonly Type[]): (type: Type, index: number) => boolean {
  return (type, index) => {
    const other = others[index];
    return other !== undefined && sameType(type, other);
  };
}

function sameAttributes(a: ReadonlyMap<string, Type>, b: ReadonlyMap<string, Type>): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([name, type]) => {
    const other = b.get(name);
    return other !== undefined && sameType(type, other);
  });
}

/** How messages and lists name a type: `list of string`. */
export function typeName(type: Type): string {
  switch (type.kind) {
    case "dynamic":
      return "dynamic";
    case "list":
    case "set":
    case "map":
      return type.element.kind === "dynamic"
        ? `${type.kind} of any single type`
        : `${type.kind} of ${typeName(type.element)}`;
    default:
      return type.kind;
  }
}

/** The same for a type that something has to have, where any is a choice. */
export function constraintName(type: Type): string {
  return type.kind === "dynamic" ? "any type" : typeName(type);
}
