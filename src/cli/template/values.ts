/** A field that is null: Go knows what it would hold, and prints that empty. */
export class Nil {
  readonly text: string;

  /** @param text what is printed for it: `[]`, `map[]`, `<nil>` */
  constructor(text: string) {
    this.text = text;
  }

  /** As JSON has it. */
  toJSON(): null {
    return null;
  }
}

/** A value that Go prints otherwise than its JSON says: a duration, a time, an empty struct. */
export class Typed {
  readonly text: string;
  readonly json: unknown;

  /** @param text what is printed for it: `5s`, `{}` */
  constructor(text: string, json: unknown) {
    this.text = text;
    this.json = json;
  }

  /** As JSON has it. */
  toJSON(): unknown {
    return this.json;
  }
}

/** A value as Go's `%v` prints it: `[a b]`, `map[k:v]`. */
export function print(value: unknown): string {
  if (value === undefined || value === null) return "<no value>";
  return printInner(value);
}

function printInner(value: unknown): string {
  if (value === undefined || value === null) return "<nil>";
  if (value instanceof Nil || value instanceof Typed) return value.text;
  if (Array.isArray(value)) return `[${value.map(printInner).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, each]) => `${key}:${printInner(each)}`).join(" ")}]`;
}

/** Whether `if` takes a value for true: everything but false, 0, nothing, and what is empty. */
export function isTrue(value: unknown): boolean {
  if (value instanceof Nil) return false;
  // Go takes any struct for true, an empty one too.
  if (value instanceof Typed) return typeof value.json !== "number" || value.json !== 0;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** The value of a field that may be {@link Nil} or {@link Typed}, as JSON has it. */
export function plain(value: unknown): unknown {
  if (value instanceof Typed) return value.json;
  return value instanceof Nil ? null : value;
}

/** Go's name of a value's type, as error messages have it. */
export function typeName(value: unknown): string {
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  if (Array.isArray(value)) return value.every((each) => typeof each === "string") ? "[]string" : "[]interface {}";
  if (value instanceof Nil) return value.text === "map[]" ? "map[string]string" : "[]string";
  return value === null || value === undefined ? "nil" : "map[string]interface {}";
}
