import { isObject } from "../../base/json-object.ts";
import { parseBool } from "../definition/go-bool.ts";

/** Members of a mapping that was read from YAML. */
export type Members = Readonly<Record<string, unknown>>;

/** The members of a mapping; none of null. @throws for anything else */
export function membersOf(value: unknown, place: string): Members {
  if (value === undefined || value === null) return {};
  if (typeof value === "object" && !Array.isArray(value)) return value as Members;
  throw new Error(`${place} must be a mapping`);
}

/** A scalar as text; undefined of null. @throws for anything else */
export function textOf(value: unknown, place: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new Error(`${place} must be a string`);
}

/** A truth value. @throws for anything else */
export function flagOf(value: unknown, place: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") throw new Error(`${place} must be a boolean`);
  return parseBool(value);
}

/** A list of texts; one text alone is a list of it. @throws for anything else */
export function textsOf(value: unknown, place: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) return [textOf(value, place) ?? ""];
  return value.map((item, index) => textOf(item, `${place}.${index}`) ?? "");
}

/** A mapping of texts, or a list of `name=value`; null where a name has no value. @throws for anything else */
export function pairsOf(value: unknown, place: string, separators: RegExp = /=/): ReadonlyMap<string, string | null> {
  if (!Array.isArray(value)) {
    const members = Object.entries(membersOf(value, place));
    return new Map(members.map(([name, member]) => [name, textOf(member, `${place}.${name}`) ?? null]));
  }
  return new Map(
    textsOf(value, place).map((line) => {
      const at = line.search(separators);
      return at < 0 ? ([line, null] as const) : ([line.slice(0, at), line.slice(at + 1)] as const);
    }),
  );
}

/** Put every text of a tree through a function. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, mapTexts(member, change)]));
}

/** Two trees as one: mappings member by member, lists one behind the other, of others the later. */
export function mergeTrees(base: unknown, over: unknown): unknown {
  if (over === undefined || over === null) return base;
  if (Array.isArray(base) && Array.isArray(over)) return [...base, ...over];
  if (!isObject(base) || !isObject(over)) return over;
  const names = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries([...names].map((name) => [name, mergeTrees(base[name], over[name])]));
}
