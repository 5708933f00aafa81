import { BerthError, messageOf } from "../../base/errors.ts";
import { isObject, type JsonObject } from "../../base/json-object.ts";
import { fromData } from "../value/json.ts";
import { decodeValue, isField } from "./decode.ts";
import type { Entry, Secret, Ssh } from "./entries.ts";
import type { Config, Group, OptionalTexts, Resources, Target, TargetFields } from "./target.ts";

/** A target of {@link defineBake}: buildx's fields, those with attributes as texts or objects. */
export interface BakeTarget
  extends Omit<TargetFields, "attest" | "cache-from" | "cache-to" | "output" | "secret" | "ssh"> {
  readonly args?: OptionalTexts;
  readonly resources?: Resources;
  readonly attest?: readonly (string | Entry)[];
  readonly "cache-from"?: readonly (string | Entry)[];
  readonly "cache-to"?: readonly (string | Entry)[];
  readonly output?: readonly (string | Entry)[];
  readonly secret?: readonly (string | Secret)[];
  readonly ssh?: readonly (string | Ssh)[];
}

/** What a TypeScript file says of what is to be built. */
export interface BakeDefinition {
  readonly targets: Readonly<Record<string, BakeTarget>>;
  /** Targets and groups by the name of their group. */
  readonly groups?: Readonly<
    Record<string, readonly string[] | { readonly description?: string; readonly targets: readonly string[] }>
  >;
}

/** What a definition may depend on. */
export interface BakeEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** This machine's platform: `linux/amd64`. */
  readonly platform: string;
}

/** A definition, or a function that makes one. */
export type BakeSource = BakeDefinition | ((environment: BakeEnvironment) => BakeDefinition | Promise<BakeDefinition>);

/**
 * Say with types what `berth bake -f bake.ts` builds. What a file exports as its default is the definition, with or without this.
 *
 * @returns what it is given
 */
export function defineBake<Source extends BakeSource>(source: Source): Source {
  return source;
}

/** What a module's default export comes to. @param name of its file, for messages. @throws {BerthError} invalid-argument */
export async function configOfModule(name: string, exported: unknown, environment: BakeEnvironment): Promise<Config> {
  const definition = typeof exported === "function" ? await exported(environment) : exported;
  const { targets, groups = {}, ...others } = membersOf(name, definition);
  const [odd] = Object.keys(others);
  if (odd !== undefined) throw wrong(name, `a definition has no member ${odd}: only targets and groups`);
  return {
    targets: Object.entries(membersOf(`${name}: targets`, targets)).map(([target, fields]) =>
      targetOf(name, target, fields),
    ),
    groups: Object.entries(membersOf(`${name}: groups`, groups)).map(([group, value]) => groupOf(name, group, value)),
  };
}

function membersOf(what: string, value: unknown): JsonObject {
  if (isObject(value)) return value;
  throw wrong(what, "an object is required, such as defineBake makes");
}

function targetOf(file: string, name: string, value: unknown): Target {
  const place = `${file}: target ${name}`;
  checkName(place, name);
  const fields = Object.entries(membersOf(place, value)).flatMap(([field, given]) => {
    if (given === undefined) return [];
    if (!isField(field)) throw wrong(place, `a target has no ${field}`);
    const decoded = decoding(`${place}: ${field}`, () => decodeValue(field, fromData(given)));
    return decoded === undefined ? [] : [[field, decoded] as const];
  });
  // Each was decoded as a field of its own kind.
  return { name, ...(Object.fromEntries(fields) as TargetFields) };
}

function groupOf(file: string, name: string, value: unknown): Group {
  const place = `${file}: group ${name}`;
  checkName(place, name);
  const { targets, description } = Array.isArray(value)
    ? { targets: value, description: undefined }
    : (membersOf(place, value) as { readonly targets?: unknown; readonly description?: unknown });
  if (!Array.isArray(targets) || !targets.every((target) => typeof target === "string"))
    throw wrong(place, "a list of names of targets is required");
  return { name, targets, ...(typeof description === "string" ? { description } : {}) };
}

function checkName(place: string, name: string): void {
  if (!/^[a-zA-Z0-9_-]+$/.test(name)) throw wrong(place, 'only "[a-zA-Z0-9_-]+" are allowed');
}

function decoding<T>(place: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw wrong(place, messageOf(error), error);
  }
}

function wrong(place: string, why: string, cause?: unknown): BerthError {
  return new BerthError("invalid-argument", `${place}: ${why}`, { cause });
}
