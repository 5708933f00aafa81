import {
  attestText,
  lastByKey,
  parseAttest,
  parseCaches,
  parseOutput,
  parseSecret,
  parseSsh,
  type Secret,
  type Ssh,
  secretOf,
  sshOf,
  withoutRepeated,
} from "../definition/entries.ts";
import { cleanPath, isRemote } from "../definition/paths.ts";
import { compact, type Target, type TargetFields } from "../definition/target.ts";
import { flagOf, type Members, membersOf, pairsOf, textOf, textsOf } from "./data.ts";
import type { Lookup } from "./interpolate.ts";
import { sizeText, ulimitTexts } from "./units.ts";

/** A service, and what it refers to. */
export interface Service {
  readonly name: string;
  readonly service: Members;
  readonly secrets: Members;
  /** What its arguments are that have no value. */
  readonly lookup: Lookup;
}

/** What compose knows of a build and {@link targetOfService} reads. */
const known = new Set(
  (
    "additional_contexts args cache_from cache_to context dockerfile dockerfile_inline extra_hosts labels network " +
    "no_cache platforms provenance pull sbom secrets shm_size ssh tags target ulimits"
  ).split(" "),
);

const refused = new Set(["entitlements", "isolation", "privileged"]);

/** The target that a service's `build` is. @throws for what compose or berth doesn't know */
export function targetOfService({ name, service, secrets, lookup }: Service): Target {
  const place = `services.${name}.build`;
  const build = membersOf(service["build"], place);
  for (const key of Object.keys(build)) {
    if (refused.has(key)) throw new Error(`${place}: berth doesn't have ${key} of compose yet`);
    if (!known.has(key) && !key.startsWith("x-"))
      throw new Error(`${place} additional properties '${key}' not allowed`);
  }
  const targetName = name.replaceAll(".", "_");
  if (!/^[a-zA-Z0-9_-]+$/.test(targetName))
    throw new Error(`invalid service name ${JSON.stringify(targetName)}: only "[a-zA-Z0-9_-]+" are allowed`);
  const text = (key: string): string | undefined => textOf(build[key], `${place}.${key}`) || undefined;
  const texts = (key: string): readonly string[] | undefined => filled(textsOf(build[key], `${place}.${key}`));
  const path: PathOf = (given) => localPath(given, lookup);
  const image = textOf(service["image"], `services.${name}.image`);
  const fields = compact<TargetFields>({
    ...withoutFields,
    context: mapped(text("context"), path),
    contexts: membersOrNone(contextsOf(pairsOf(build["additional_contexts"], `${place}.additional_contexts`), path)),
    dockerfile: text("dockerfile"),
    "dockerfile-inline": text("dockerfile_inline"),
    tags: texts("tags"),
    labels: membersOrNone(
      new Map([...pairsOf(build["labels"], `${place}.labels`)].map(([key, value]) => [key, value ?? ""])),
    ),
    args: membersOrNone(argsOf(pairsOf(build["args"], `${place}.args`), lookup)),
    "cache-from": filled(textsOf(build["cache_from"], `${place}.cache_from`).flatMap(parseCaches)),
    "cache-to": filled(textsOf(build["cache_to"], `${place}.cache_to`).flatMap(parseCaches)),
    network: text("network"),
    platforms: texts("platforms"),
    ssh: filled(sshKeys(build["ssh"], `${place}.ssh`, path)),
    secret: filled(buildSecrets(build["secrets"], secrets, { place: `${place}.secrets`, path })),
    "shm-size": sizeText(build["shm_size"], `${place}.shm_size`),
    ulimits: filled(ulimitTexts(build["ulimits"], `${place}.ulimits`)),
    "extra-hosts": membersOrNone(hostsOf(build["extra_hosts"], `${place}.extra_hosts`)),
    attest: filled(attestsOf(text)),
    "no-cache": flagOf(build["no_cache"], `${place}.no_cache`) || undefined,
    pull: flagOf(build["pull"], `${place}.pull`) || undefined,
    target: text("target"),
  });
  const target = { name: targetName, ...withExtension(fields, build["x-bake"], `${place}.x-bake`) };
  return target.tags === undefined && image !== undefined ? { ...target, tags: [image] } : target;
}

/** Fields that compose has nothing for. */
const withoutFields = {
  description: undefined,
  inherits: undefined,
  annotations: undefined,
  output: undefined,
  "no-cache-filter": undefined,
  resources: undefined,
  call: undefined,
  entitlements: undefined,
};

function filled<T>(values: readonly T[]): readonly T[] | undefined {
  return values.length === 0 ? undefined : values;
}

function membersOrNone(members: ReadonlyMap<string, string>): Readonly<Record<string, string>> | undefined {
  return members.size === 0 ? undefined : Object.fromEntries(members);
}

function argsOf(given: ReadonlyMap<string, string | null>, lookup: Lookup): ReadonlyMap<string, string> {
  const entries = [...given].flatMap(([name, value]) => {
    const found = value ?? lookup(name);
    return found === undefined ? [] : [[name, found] as const];
  });
  return new Map(entries);
}

/** A path as compose hands it over. */
type PathOf = (given: string) => string;

/** `~` is the home directory, and what is needless in a relative path goes. An address stays. @see compose-go, paths/resolve.go */
function localPath(given: string, lookup: Lookup): string {
  if (isRemote(given) || given.includes("://")) return given;
  const home = lookup("HOME");
  const path = home === undefined ? given : given.replace(/^~(?=\/|$)/, home);
  return path.startsWith("/") ? path : cleanPath(path);
}

function mapped(text: string | undefined, path: PathOf): string | undefined {
  return text === undefined ? undefined : path(text);
}

/** `service:NAME` is the target of that name. */
function contextsOf(
  given: ReadonlyMap<string, string | null>,
  path: PathOf = (text) => text,
): ReadonlyMap<string, string> {
  return new Map(
    [...given].map(([name, value]) => {
      const service = /^(?:service|target):(.*)$/s.exec(value ?? "")?.[1];
      return [
        name,
        service === undefined ? (value ? path(value) : "") : `target:${service.replaceAll(".", "_")}`,
      ] as const;
    }),
  );
}

function hostsOf(value: unknown, place: string): ReadonlyMap<string, string> {
  const hosts = new Map<string, string>();
  const pairs = Array.isArray(value)
    ? textsOf(value, place).map((line) => /^([^=:]+)[=:](.*)$/s.exec(line)?.slice(1) ?? [line, ""])
    : Object.entries(membersOf(value, place)).map(([name, addresses]) => [name, textsOf(addresses, place).join()]);
  for (const [name = "", address = ""] of pairs) {
    const before = hosts.get(name);
    hosts.set(name, before === undefined ? address : `${before},${address}`);
  }
  return hosts;
}

function sshKeys(value: unknown, place: string, path: PathOf): readonly Ssh[] {
  const keys = [...pairsOf(value, place)].map(([id, key]) =>
    sshOf({ id, ...(key === null ? {} : { paths: [path(key)] }) }),
  );
  return keys.toSorted((a, b) => ((a.id ?? "") < (b.id ?? "") ? -1 : 1));
}

function buildSecrets(
  value: unknown,
  declared: Members,
  { place, path }: { readonly place: string; readonly path: PathOf },
): readonly Secret[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error(`${place} must be a list`);
  return value.map((item: unknown) => {
    const id = typeof item === "string" ? item : (textOf(membersOf(item, place)["source"], place) ?? "");
    const secret = membersOf(declared[id], `secrets.${id}`);
    if (secret["external"] === true) throw new Error(`unsupported external secret ${id}`);
    const src = mapped(textOf(secret["file"], `secrets.${id}.file`) || undefined, path) ?? "";
    return secretOf({ id, src, env: textOf(secret["environment"], `secrets.${id}.environment`) ?? "" });
  });
}

function attestsOf(text: (key: string) => string | undefined): NonNullable<TargetFields["attest"]> {
  return ["sbom", "provenance"].flatMap((type) => {
    const given = text(type);
    return given === undefined ? [] : [parseAttest(attestText(type, given))];
  });
}

/** What compose has no words for. @see docs.docker.com/build/bake/compose-file, "Extension field with x-bake" */
function withExtension(fields: TargetFields, value: unknown, place: string): TargetFields {
  if (value === undefined || value === null) return fields;
  const extension = membersOf(value, place);
  const words = (key: string): readonly string[] => {
    const given = extension[key];
    return typeof given === "string"
      ? given.split(/\s+/).filter((word) => word !== "")
      : textsOf(given, `${place}.${key}`);
  };
  const unique = (before: readonly string[] | undefined, key: string): readonly string[] | undefined =>
    filled([...new Set([...(before ?? []), ...words(key)])]);
  const contexts = contextsOf(pairsOf(extension["contexts"], `${place}.contexts`));
  return compact<TargetFields>({
    ...withoutFields,
    ...everyField,
    ...fields,
    tags: unique(fields.tags, "tags"),
    platforms: unique(fields.platforms, "platforms"),
    "no-cache-filter": unique(undefined, "no-cache-filter"),
    "cache-from": filled(
      withoutRepeated([...(fields["cache-from"] ?? []), ...words("cache-from").flatMap(parseCaches)]),
    ),
    "cache-to": filled(withoutRepeated([...(fields["cache-to"] ?? []), ...words("cache-to").flatMap(parseCaches)])),
    output: filled(withoutRepeated(words("output").map(parseOutput))),
    secret: filled(lastByKey([...(fields.secret ?? []), ...words("secret").map(parseSecret)], ({ id = "" }) => id)),
    ssh: filled(lastByKey([...(fields.ssh ?? []), ...words("ssh").map(parseSsh)], ({ id = "" }) => id)),
    pull: flagOf(extension["pull"], `${place}.pull`) ?? fields.pull,
    "no-cache": flagOf(extension["no-cache"], `${place}.no-cache`) ?? fields["no-cache"],
    contexts: membersOrNone(new Map([...contexts, ...Object.entries(fields.contexts ?? {})])),
  });
}

const everyField = {
  context: undefined,
  dockerfile: undefined,
  "dockerfile-inline": undefined,
  args: undefined,
  labels: undefined,
  attest: undefined,
  target: undefined,
  network: undefined,
  "shm-size": undefined,
  ulimits: undefined,
  "extra-hosts": undefined,
};
