import { messageOf } from "../../base/errors.ts";
import { HclError } from "../hcl/hcl-error.ts";
import type { Range } from "../hcl/source.ts";
import { convert } from "../value/convert.ts";
import { toJson } from "../value/json.ts";
import { listOf, mapOf, objectOf, type Type, typeName, types } from "../value/type.ts";
import {
  bool,
  isMapping,
  isSequence,
  list,
  map,
  number,
  object,
  text,
  texts,
  typeOf,
  type Value,
} from "../value/value.ts";
import {
  checkedAttest,
  checkedCache,
  checkedOutput,
  type Entry,
  entryOf,
  parseAttest,
  parseCaches,
  parseOutput,
  parseSecret,
  parseSsh,
  secretOf,
  sshOf,
} from "./entries.ts";
import type { TargetFields } from "./target.ts";

/** What the value of a field is. */
type Kind = "text" | "flag" | "texts" | "members" | "outputs" | "caches" | "attests" | "secrets" | "ssh" | "resources";

/** The fields of a target in the order of `--print`. */
export const fieldKinds: { readonly [Name in keyof Required<TargetFields>]: Kind } = {
  description: "text",
  inherits: "texts",
  annotations: "texts",
  attest: "attests",
  context: "text",
  contexts: "members",
  dockerfile: "text",
  "dockerfile-inline": "text",
  args: "members",
  labels: "members",
  tags: "texts",
  "cache-from": "caches",
  "cache-to": "caches",
  target: "text",
  secret: "secrets",
  ssh: "ssh",
  platforms: "texts",
  output: "outputs",
  pull: "flag",
  "no-cache": "flag",
  network: "text",
  "no-cache-filter": "texts",
  "shm-size": "text",
  ulimits: "texts",
  resources: "resources",
  call: "text",
  entitlements: "texts",
  "extra-hosts": "members",
};

/** True for the name of a field. */
export function isField(name: string): name is keyof TargetFields {
  return Object.hasOwn(fieldKinds, name);
}

const resourceType = objectOf(
  [
    ["memory", types.string],
    ["memory-swap", types.string],
    ["cpu-shares", types.number],
    ["cpu-period", types.number],
    ["cpu-quota", types.number],
    ["cpuset-cpus", types.string],
    ["cpuset-mems", types.string],
  ],
  ["memory", "memory-swap", "cpu-shares", "cpu-period", "cpu-quota", "cpuset-cpus", "cpuset-mems"],
);

const secretType = objectOf(
  ["id", "src", "env"].map((name) => [name, types.string]),
  ["id", "src", "env"],
);
const sshType = objectOf(
  [
    ["id", types.string],
    ["paths", listOf(types.string)],
  ],
  ["id", "paths"],
);

/** What a field has when its expression has this value; undefined for null. @throws {HclError} at `range` */
export function decodeField(name: keyof TargetFields, value: Value, range: Range): unknown {
  try {
    return decodeValue(name, value);
  } catch (error) {
    if (error instanceof HclError) throw error;
    throw new HclError(range, "Unsuitable value type", `Unsuitable value: ${messageOf(error)}`, error);
  }
}

/** The same without a place. @throws in go-cty's and buildx's words */
export function decodeValue(name: keyof TargetFields, value: Value): unknown {
  return value.kind === "null" ? undefined : decode(fieldKinds[name], value);
}

function decode(kind: Kind, value: Value): unknown {
  switch (kind) {
    case "text":
      return plain(convert(value, types.string));
    case "flag":
      return plain(convert(value, types.bool));
    case "texts":
      return plain(convert(value, listOf(types.string)));
    case "members":
      return plain(convert(value, mapOf(types.string)));
    case "resources":
      return withoutNull(plain(convert(value, resourceType)));
    case "outputs":
      return entries(value, parseOne(parseOutput), checkedOutput);
    case "caches":
      return entries(value, parseCaches, (entry) => checkedCache(entry, JSON.stringify(entry)));
    case "attests":
      return entries(value, parseOne(parseAttest), checkedAttest);
    case "secrets":
      return objects(value, { parse: parseSecret, type: secretType, make: secretOf });
    case "ssh":
      return objects(value, { parse: parseSsh, type: sshType, make: sshOf });
    default:
      return kind satisfies never;
  }
}

function parseOne(parse: (text: string) => Entry): (text: string) => readonly Entry[] {
  return (text) => (text === "" ? [] : [parse(text)]);
}

function itemsOf(value: Value): readonly Value[] {
  if (isSequence(value)) return value.items;
  throw new Error(`list of map of string required, but have ${typeName(typeOf(value))}`);
}

function entries(
  value: Value,
  parse: (text: string) => readonly Entry[],
  check: (entry: Entry) => Entry,
): readonly Entry[] {
  return itemsOf(value).flatMap((item) => {
    if (item.kind === "string") return parse(item.value);
    const members = convert(item, mapOf(types.string));
    const pairs = isMapping(members)
      ? [...members.entries].flatMap(([key, entry]) => (entry.kind === "string" ? [[key, entry.value] as const] : []))
      : [];
    return [check(entryOf(pairs))];
  });
}

function objects<T>(
  value: Value,
  { parse, type, make }: { readonly parse: (text: string) => T; readonly type: Type; readonly make: (fields: T) => T },
): readonly T[] {
  return itemsOf(value).flatMap((item) => {
    if (item.kind === "string") return item.value === "" ? [] : [parse(item.value)];
    // The type says what fields there are.
    return [make(withoutNull(plain(convert(item, type))) as T)];
  });
}

/** A value as data. */
function plain(value: Value): unknown {
  return JSON.parse(toJson(value));
}

function withoutNull(data: unknown): unknown {
  return Object.fromEntries(Object.entries(data as object).filter(([, entry]) => entry !== null));
}

/** A field as a value again, for those that refer to it. */
export function encodeField(name: keyof TargetFields, field: unknown): Value {
  const kind = fieldKinds[name];
  const type = valueTypes[kind];
  if (field === undefined) return { kind: "null", type };
  const value = dataValue(field);
  return convert(value, type);
}

const valueTypes: Readonly<Record<Kind, Type>> = {
  text: types.string,
  flag: types.bool,
  texts: listOf(types.string),
  members: mapOf(types.string),
  outputs: listOf(mapOf(types.string)),
  caches: listOf(mapOf(types.string)),
  attests: listOf(mapOf(types.string)),
  secrets: listOf(secretType),
  ssh: listOf(sshType),
  resources: resourceType,
};

function dataValue(data: unknown): Value {
  if (typeof data === "string") return text(data);
  if (typeof data === "number") return number(data);
  if (typeof data === "boolean") return bool(data);
  if (Array.isArray(data)) {
    return data.every((item) => typeof item === "string") ? texts(data) : list(data.map(dataValue), types.dynamic);
  }
  if (data === null || typeof data !== "object") return { kind: "null", type: types.string };
  const members = Object.entries(data).map(([key, entry]) => [key, dataValue(entry)] as const);
  return members.every(([, { kind }]) => kind === "string") ? map(members, types.string) : object(members);
}
