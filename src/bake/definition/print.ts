import { fieldKinds, isField } from "./decode.ts";
import type { Group, TargetFields } from "./target.ts";
import type { Plan } from "./targets.ts";

/** What `--print` shows, its members in buildx's order. */
export function printable({ groups, targets }: Plan): object {
  const byName = <T>([a]: readonly [string, T], [b]: readonly [string, T]): number => (a < b ? -1 : 1);
  const group = [...groups].sort(byName).map(([name, value]) => [name, groupObject(value)] as const);
  const target = [...targets].sort(byName).map(([name, value]) => [name, targetObject(value)] as const);
  return { ...(group.length === 0 ? {} : { group: Object.fromEntries(group) }), target: Object.fromEntries(target) };
}

function groupObject({ description = "", targets }: Group): object {
  return { ...(description === "" ? {} : { description }), targets };
}

/** Fields in which a definition would take `${` for its own. */
const templates = new Set<string>(["annotations", "dockerfile-inline", "labels", "args", "extra-hosts"]);

/** A target's fields as `--print` has them. */
export function targetObject(target: TargetFields): object {
  const entries = Object.keys(fieldKinds)
    .filter(isField)
    .flatMap((name) => {
      const value = name === "description" && target[name] === "" ? undefined : shown(target[name]);
      if (value === undefined) return [];
      return [[name, templates.has(name) ? escaped(value) : name === "attest" ? attests(value) : value] as const];
    });
  return Object.fromEntries(entries);
}

/** Undefined for lists and maps that are empty; maps in the order of their keys. */
function shown(value: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? undefined : value;
  if (typeof value !== "object") return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return members.length === 0 ? undefined : Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function escaped(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll(/([$%])\{/g, "$1$1{");
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, escaped(member)]));
}

function attests(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((attest: Readonly<Record<string, string>>) =>
    attest["disabled"] === undefined ? attest : { ...attest, disabled: true },
  );
}
