import { bool, nullValue, number, numberText, object, text, tuple, type Value } from "./value.ts";

/** A value as JSON in one line, as go-cty writes it: keys in order, signs of HTML escaped. */
export function toJson(value: Value): string {
  return plainJson(value).replace(
    /[<>&\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function plainJson(value: Value): string {
  switch (value.kind) {
    case "null":
      return "null";
    case "number":
      return numberText(value.value);
    case "string":
    case "bool":
      return JSON.stringify(value.value);
    case "list":
    case "set":
    case "tuple":
      return `[${value.items.map(plainJson).join()}]`;
    default:
      return `{${[...value.entries].map(([key, entry]) => `${JSON.stringify(key)}:${plainJson(entry)}`).join()}}`;
  }
}

/** What JSON text says: objects and tuples. @throws {SyntaxError} */
export function fromJson(json: string): Value {
  return fromData(JSON.parse(json));
}

/** Data as a value; undefined members are left out. @throws {TypeError} for what is no data, such as a function */
export function fromData(data: unknown): Value {
  switch (typeof data) {
    case "string":
      return text(data);
    case "number":
      return number(data);
    case "boolean":
      return bool(data);
    case "object":
      if (data === null) return nullValue;
      if (Array.isArray(data)) return tuple(data.map(fromData));
      return object(
        Object.entries(data).flatMap(([key, entry]) => (entry === undefined ? [] : [[key, fromData(entry)] as const])),
      );
    default:
      throw new TypeError(`a ${typeof data} is no data`);
  }
}
