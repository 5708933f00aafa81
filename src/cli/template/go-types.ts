import { isObject, type JsonObject } from "../../base/json-object.ts";
import { durationText } from "../../build/go-format.ts";
import { goTimeWithFraction } from "../format/go-time.ts";
import { Typed } from "./values.ts";

/** Fields of Docker's JSON that are no plain texts, numbers or maps in Go. A container's own times are texts there too. */
const types: Readonly<Record<string, (value: unknown) => unknown>> = {
  ExposedPorts: set,
  Interval: duration,
  LastTagTime: (value) => (typeof value === "string" ? new Typed(goTimeWithFraction(value), value) : value),
  StartInterval: duration,
  StartPeriod: duration,
  Timeout: duration,
  Volumes: set,
};

/** What `inspect` shows, with values that print as Go's types of these fields do. */
export function withGoTypes(data: object): object {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, typed(name, value)]));
}

function typed(name: string, value: unknown): unknown {
  const type = Object.hasOwn(types, name) ? types[name] : undefined;
  if (type !== undefined) return type(value);
  return isObject(value) ? withGoTypes(value) : value;
}

function duration(value: unknown): unknown {
  return typeof value === "number" ? new Typed(durationText(value), value) : value;
}

/** A `map[string]struct{}`. */
function set(value: unknown): unknown {
  return isObject(value) ? emptyStructs(value) : value;
}

function emptyStructs(names: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(names).map(([name, value]) => [name, new Typed("{}", value)]));
}
