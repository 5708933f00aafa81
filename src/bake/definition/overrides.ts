import { messageOf } from "../../base/errors.ts";
import {
  type Entry,
  entryOf,
  lastByKey,
  parseAttest,
  parseCaches,
  parseOutput,
  parseSecret,
  parseSsh,
  secretOf,
  withoutRepeated,
} from "./entries.ts";
import { parseBool } from "./go-bool.ts";
import { matches } from "./match.ts";
import type { Resources, Target, TargetFields } from "./target.ts";

/** One key of `--set` for one target. */
interface Override {
  readonly value: string;
  /** Every value that was given for it. */
  readonly values: readonly string[];
  readonly append: boolean;
}

/** Overrides by target, and by key: `args.VERSION`. */
export type Overrides = ReadonlyMap<string, ReadonlyMap<string, Override>>;

/** Keys whose values are a list that `+=` adds to. */
const lists =
  "output cache-to cache-from tags platform secrets ssh attest entitlements annotations no-cache-filter ulimits".split(
    " ",
  );

/** Keys behind which a name stands. */
const named = ["args", "contexts", "labels", "secret", "resources", "extra-hosts"];

/**
 * Read `--set target.key=value`; targets may be a pattern, and `+=` adds to a list.
 *
 * @param lookup the environment, which `args.NAME` without a value takes its value from
 * @throws in buildx's words
 */
export function parseOverrides(
  given: readonly string[],
  targets: readonly Target[],
  lookup: (name: string) => string | undefined,
): Overrides {
  const overrides = new Map<string, Map<string, Override>>();
  for (const text of given) {
    const { pattern, key, append, value } = parseOverride(text, lookup);
    if (value === undefined) continue;
    for (const target of targetsOf(pattern, targets)) {
      const own = overrides.get(target) ?? new Map<string, Override>();
      overrides.set(target, own);
      own.set(key, { value, values: [...(own.get(key)?.values ?? []), value], append });
    }
  }
  return overrides;
}

interface ParsedOverride {
  readonly pattern: string;
  readonly key: string;
  readonly append: boolean;
  readonly value: string | undefined;
}

function parseOverride(text: string, lookup: (name: string) => string | undefined): ParsedOverride {
  const equals = text.indexOf("=");
  const left = equals < 0 ? text : text.slice(0, equals);
  const append = left.endsWith("+");
  const plain = left.replace(/\+$/, "");
  const [pattern = "", field, ...names] = plain.split(".");
  if (field === undefined) throw new Error(`invalid override key ${plain}, expected target.name`);
  if (equals < 0 && field !== "args") throw new Error(`invalid override ${text}, expected target.name=value`);
  const name = names.join(".");
  checkKey({ left, field, name, append });
  const value = equals < 0 ? lookup(name) : text.slice(equals + 1);
  return { pattern, key: name === "" ? field : `${field}.${name}`, append, value };
}

function checkKey(key: {
  readonly left: string;
  readonly field: string;
  readonly name: string;
  readonly append: boolean;
}): void {
  const { left, field, name, append } = key;
  if (named.includes(field) && name === "") throw new Error(`invalid key ${left}, ${field} requires name`);
  if (append && !lists.includes(field)) throw new Error(`invalid key ${left}, ${field} does not support append`);
}

function targetsOf(pattern: string, targets: readonly Target[]): readonly string[] {
  if (targets.some(({ name }) => name === pattern)) return [pattern];
  const found = targets.flatMap(({ name }) => (matches(pattern, name) ? [name] : []));
  if (found.length === 0) throw new Error(`could not find any target matching '${pattern}'`);
  return found;
}

/** A target with what `--set` says of it. @throws in buildx's words */
export function withOverrides(target: Target, overrides: ReadonlyMap<string, Override>): Target {
  let result = target;
  for (const [key, override] of overrides) {
    const dot = key.indexOf(".");
    const [field, name] = dot < 0 ? [key, ""] : [key.slice(0, dot), key.slice(dot + 1)];
    result = { ...result, ...overridden(result, { field, name }, override) };
  }
  return result;
}

interface Key {
  readonly field: string;
  readonly name: string;
}

function overridden(target: TargetFields, { field, name }: Key, { value, values, append }: Override): TargetFields {
  const texts = (before: readonly string[] | undefined): readonly string[] =>
    append ? [...(before ?? []), ...values] : values;
  switch (field) {
    case "context":
    case "dockerfile":
    case "dockerfile-inline":
    case "target":
    case "call":
    case "shm-size":
    case "network":
      return { [field]: value };
    case "args":
    case "contexts":
    case "labels":
    case "extra-hosts":
      return { [field]: { ...target[field], [name]: value } };
    case "tags":
    case "no-cache-filter":
    case "ulimits":
      return { [field]: texts(target[field]) };
    case "platform":
      return { platforms: texts(target.platforms) };
    case "entitlements":
    case "annotations":
      return { [field]: [...(target[field] ?? []), ...values] };
    case "no-cache":
    case "pull":
      return { [field]: flag(field, value) };
    case "push":
      return { output: pushed(target.output ?? [], flag(field, value)) };
    case "load":
      return { output: flag(field, value) ? loaded(target.output ?? []) : (target.output ?? []) };
    case "resources":
      return { resources: { ...target.resources, ...resource(name, value) } };
    default:
      return overriddenEntries(target, { field, name }, { value, values, append });
  }
}

function overriddenEntries(
  target: TargetFields,
  { field, name }: Key,
  { value, values, append }: Override,
): TargetFields {
  const added = <T>(before: readonly T[] | undefined, made: readonly T[]): readonly T[] =>
    append ? [...(before ?? []), ...made] : made;
  switch (field) {
    case "cache-from":
    case "cache-to":
      return { [field]: withoutRepeated(added(target[field], values.flatMap(parseCaches))) };
    case "output": {
      const outputs = because("invalid value for outputs", () => values.map(parseOutput));
      return { output: withoutRepeated(added(target.output, outputs)) };
    }
    case "attest": {
      const attests = because("invalid value for attest", () => values.map(parseAttest));
      return { attest: lastByKey([...(target.attest ?? []), ...attests], ({ type = "" }) => type) };
    }
    case "secrets": {
      const secrets = because("invalid value for outputs", () => values.map(parseSecret));
      return { secret: lastByKey(added(target.secret, secrets), ({ id = "" }) => id) };
    }
    case "ssh":
      return { ssh: lastByKey(added(target.ssh, values.map(parseSsh)), ({ id = "" }) => id) };
    case "secret":
      return { secret: replacedSecret(target, name, value) };
    default:
      throw new Error(`unknown key: ${field}`);
  }
}

function because<T>(what: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw new Error(`${what}: ${messageOf(error)}`, { cause: error });
  }
}

function flag(field: string, value: string): boolean {
  try {
    return parseBool(value);
  } catch (error) {
    throw new Error(`invalid value ${value} for boolean key ${field}`, { cause: error });
  }
}

function resource(name: string, value: string): Resources {
  switch (name) {
    case "memory":
    case "memory-swap":
    case "cpuset-cpus":
    case "cpuset-mems":
      return { [name]: value };
    case "cpu-shares":
    case "cpu-period":
    case "cpu-quota":
      if (/^-?\d+$/.test(value)) return { [name]: Number(value) };
      throw new Error(`invalid value ${value} for resources key ${name}`);
    default:
      throw new Error(`unknown resources key ${name}`);
  }
}

function replacedSecret(target: TargetFields, id: string, value: string): NonNullable<TargetFields["secret"]> {
  const next = parseSecret(value);
  if (target.secret?.some((secret) => secret.id === id) !== true)
    throw new Error(`secret ${JSON.stringify(id)} must be declared before it can be overridden`);
  if (next.id !== undefined && next.id !== id)
    throw new Error(
      `secret override id ${JSON.stringify(next.id)} does not match declared secret ${JSON.stringify(id)}`,
    );
  return target.secret.map((secret) => (secret.id === id ? secretOf({ ...next, id }) : secret));
}

/** `--push`: an image that is pushed, where no output says otherwise. */
function pushed(outputs: readonly Entry[], push: boolean): readonly Entry[] {
  if (!push) {
    const local = outputs.filter(({ type }) => type !== "registry");
    return local.map((output) => (output["type"] === "image" ? withField(output, "push", "false") : output));
  }
  const all = outputs.map((output) => (output["type"] === "image" ? withField(output, "push", "true") : output));
  return all.every(({ type }) => type === "docker") ? [...all, { push: "true", type: "image" }] : all;
}

/** `--load`: an image in the store, where no output is of files alone. */
function loaded(outputs: readonly Entry[]): readonly Entry[] {
  for (const { type = "", dest } of outputs) {
    if (type === "docker" && dest === undefined) return outputs;
    if (!["docker", "image", "registry", "oci"].includes(type)) return outputs;
  }
  return [...outputs, { type: "docker" }];
}

function withField(entry: Entry, name: string, value: string): Entry {
  return entryOf([...Object.entries(entry).filter(([key]) => key !== name), [name, value]]);
}
