import { messageOf } from "../../base/errors.ts";
import { convert, readNumber } from "../value/convert.ts";
import { fromJson } from "../value/json.ts";
import { isPrimitive, type Type, typeName } from "../value/type.ts";
import { bool, list, map, set, text, tuple, type Value } from "../value/value.ts";
import { fieldsOf } from "./fields.ts";
import { parseBool } from "./go-bool.ts";

/** A text from the environment, and whether it is JSON. */
export interface Override {
  readonly text: string;
  readonly isJson: boolean;
}

/** What a variable is when the environment has it. @throws in buildx's words @see buildx, docs/bake-reference.md "Variable typing" */
export function overridden(
  name: string,
  override: Override,
  { type, value }: { readonly type: Type | undefined; readonly value: Value | undefined },
): Value {
  const given = override.text;
  if (type !== undefined && override.isJson) return fromJsonText(name, given, type);
  if (type?.kind === "list" || type?.kind === "set" || type?.kind === "map" || type?.kind === "tuple") {
    return because(`failed to convert variable ${name} from CSV`, () => fromCsv(name, given, type));
  }
  if (type !== undefined && isPrimitive(type)) return primitive(name, given, type);
  if (type !== undefined) throw new Error(`unsupported type ${typeName(type)} for variable ${name}`);
  if (value === undefined || value.kind === "null" || value.kind === "string") return text(given);
  if (value.kind === "bool" || value.kind === "number") return primitive(name, given, { kind: value.kind });
  throw new Error(`unsupported type ${value.kind} for variable ${name}`);
}

function fromJsonText(name: string, given: string, type: Type): Value {
  return because(`failed to convert variable ${name} from JSON`, () => convert(fromJson(given), type));
}

function because<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw new Error(`${what}: ${messageOf(error)}`, { cause: error });
  }
}

function primitive(name: string, given: string, type: Type): Value {
  switch (type.kind) {
    case "string":
      return text(given);
    case "bool":
      return because(`failed to parse ${name} as bool`, () => bool(parseBool(given)));
    case "number":
      return because(`failed to parse ${name} as number`, () => readNumber(given));
    default:
      throw new Error(`${name} of type ${typeName(type)} is not a primitive`);
  }
}

function fromCsv(name: string, given: string, type: Type): Value {
  const fields = because(`failed to parse ${given} as CSV`, () => fieldsOf(given));
  if (type.kind === "tuple") return csvTuple(name, fields, type);
  if (type.kind !== "list" && type.kind !== "set" && type.kind !== "map") throw new Error("no collection");
  const { element } = type;
  if (!isPrimitive(element)) throw new Error(`unsupported type ${typeName(type)} for CSV specification`);
  if (type.kind === "map")
    return map(
      fields.map((field) => csvMember(name, field, element)),
      element,
    );
  const items = fields.map((field) => csvElement(name, field, element, type));
  return type.kind === "list" ? list(items, element) : set(items, element);
}

function csvElement(name: string, field: string, element: Type, type: Type): Value {
  return because(`failed to parse element of type ${typeName(type)}`, () => primitive(name, field, element));
}

function csvTuple(name: string, fields: readonly string[], type: Extract<Type, { readonly kind: "tuple" }>): Value {
  const { elements } = type;
  if (elements.length !== fields.length)
    throw new Error(`tuple expects ${elements.length} elements but only ${fields.length} provided`);
  return tuple(
    elements.map((element, index) => {
      if (!isPrimitive(element)) throw new Error("unsupported type tuple for CSV specification");
      return csvElement(name, fields[index] ?? "", element, type);
    }),
  );
}

function csvMember(name: string, field: string, element: Type): readonly [string, Value] {
  const pieces = splitPair(field);
  const [key, value] = pieces;
  if (key === undefined || value === undefined || pieces.length !== 2)
    throw new Error(`expected one k/v pair but got ${pieces.length} pieces from ${field}`);
  return [key, primitive(name, value, element)];
}

/** `key:value`, either of them in quotes where it has a colon. */
function splitPair(field: string): readonly string[] {
  const pieces = field.match(/"(?:[^"]|"")*"|[^:]+/g) ?? [];
  return pieces.map((piece) => (piece.startsWith('"') ? piece.slice(1, -1).replaceAll('""', '"') : piece));
}
