import { type Entry, lastByKey, type Secret, type Ssh, withoutRepeated } from "./entries.ts";

/** A map of texts, in which null is as good as nothing. */
export type OptionalTexts = Readonly<Record<string, string | null>>;

/** Limits of each `RUN` step. */
export interface Resources {
  readonly memory?: string;
  readonly "memory-swap"?: string;
  readonly "cpu-shares"?: number;
  readonly "cpu-period"?: number;
  readonly "cpu-quota"?: number;
  readonly "cpuset-cpus"?: string;
  readonly "cpuset-mems"?: string;
}

/** What is said of a target, under buildx's names and in the order in which `--print` shows it. */
export interface TargetFields {
  readonly description?: string;
  readonly inherits?: readonly string[];
  readonly annotations?: readonly string[];
  readonly attest?: readonly Entry[];
  readonly context?: string;
  readonly contexts?: Readonly<Record<string, string>>;
  readonly dockerfile?: string;
  readonly "dockerfile-inline"?: string;
  readonly args?: OptionalTexts;
  readonly labels?: OptionalTexts;
  readonly tags?: readonly string[];
  readonly "cache-from"?: readonly Entry[];
  readonly "cache-to"?: readonly Entry[];
  readonly target?: string;
  readonly secret?: readonly Secret[];
  readonly ssh?: readonly Ssh[];
  readonly platforms?: readonly string[];
  readonly output?: readonly Entry[];
  readonly pull?: boolean;
  readonly "no-cache"?: boolean;
  readonly network?: string;
  readonly "no-cache-filter"?: readonly string[];
  readonly "shm-size"?: string;
  readonly ulimits?: readonly string[];
  readonly resources?: Resources;
  readonly call?: string;
  readonly entitlements?: readonly string[];
  readonly "extra-hosts"?: OptionalTexts;
}

/** A target of a definition. */
export interface Target extends TargetFields {
  readonly name: string;
}

/** A group of targets. */
export interface Group {
  readonly name: string;
  readonly description?: string;
  readonly targets: readonly string[];
}

/** What files define. */
export interface Config {
  readonly groups: readonly Group[];
  readonly targets: readonly Target[];
}

/** How two values of a field become one; the later counts where there is no rule. */
type Rule = "append" | "entries" | "attests" | "secrets" | "members";

/** Rules of {@link mergeTargets}. @see buildx, docs/bake-reference.md "target.inherits" */
const rules: Readonly<Partial<Record<keyof TargetFields, Rule>>> = {
  annotations: "append",
  attest: "attests",
  args: "members",
  contexts: "members",
  labels: "members",
  "cache-from": "entries",
  secret: "secrets",
  ssh: "secrets",
  "no-cache-filter": "append",
  ulimits: "append",
  resources: "members",
  entitlements: "append",
  "extra-hosts": "members",
  inherits: "append",
};

/** What a target is when another one's fields come on top. */
export function mergeTargets(base: Target, over: TargetFields): Target {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(over)) {
    if (name === "name" || value === undefined) continue;
    merged[name] = mergeField(rules[name as keyof TargetFields], merged[name], value);
  }
  // Each value is one of the field's own, or two of them put together.
  return merged as Record<string, unknown> & Target;
}

function mergeField(rule: Rule | undefined, before: unknown, value: unknown): unknown {
  if (rule === undefined) return value;
  if (rule === "members") return { ...(before as object | undefined), ...withoutNulls(value as OptionalTexts) };
  const all = [...((before as readonly Entry[] | undefined) ?? []), ...(value as readonly Entry[])];
  if (rule === "entries") return withoutRepeated(all);
  if (rule === "attests") return lastByKey(all, ({ type = "" }) => type);
  return rule === "secrets" ? lastByKey(all, (entry) => entry["id"] ?? "") : all;
}

function withoutNulls(members: OptionalTexts): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(members).flatMap(([key, value]) => (value === null ? [] : [[key, value] as const])),
  );
}

/** A target without what is repeated or empty. */
export function normalized(target: Target): Target {
  const texts = (list: readonly string[] | undefined): readonly string[] | undefined => {
    const unique = [...new Set(list)].filter((text) => text !== "");
    return list === undefined || unique.length === 0 ? undefined : unique;
  };
  const contexts = Object.entries(target.contexts ?? {}).filter(([, value]) => value !== "");
  const hostNetwork = target.network === "host" ? ["network.host"] : [];
  const entitlements = [...(target.entitlements ?? []), ...hostNetwork];
  return compact<Target>({
    ...target,
    annotations: texts(target.annotations),
    tags: texts(target.tags),
    platforms: texts(target.platforms),
    "no-cache-filter": texts(target["no-cache-filter"]),
    ulimits: texts(target.ulimits),
    entitlements: texts(entitlements),
    attest: target.attest === undefined ? undefined : lastByKey(target.attest, ({ type = "" }) => type),
    "cache-from": target["cache-from"] === undefined ? undefined : withoutRepeated(target["cache-from"]),
    "cache-to": target["cache-to"] === undefined ? undefined : withoutRepeated(target["cache-to"]),
    output: target.output === undefined ? undefined : withoutRepeated(target.output),
    contexts: contexts.length === 0 ? undefined : Object.fromEntries(contexts),
  });
}

/** The same without what is undefined. */
export function compact<T extends object>(fields: { readonly [Name in keyof T]: T[Name] | undefined }): T {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  // What is left has the fields' own types.
  return Object.fromEntries(entries) as T;
}
