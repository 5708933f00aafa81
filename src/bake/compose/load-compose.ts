import { existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { parseDocument } from "yaml";
import { BerthError, messageOf } from "../../base/errors.ts";
import type { BakeFile } from "../definition/parse-file.ts";
import type { Config, Target } from "../definition/target.ts";
import { bakeLimits } from "../limits.ts";
import { type Members, mapTexts, membersOf, mergeTrees, pairsOf, textOf, textsOf } from "./data.ts";
import { interpolate, type Lookup } from "./interpolate.ts";
import { targetOfService } from "./service.ts";

/** What compose files are read with. */
export interface ComposeOptions {
  readonly lookup: Lookup;
  /** Where `.env` is, and what paths of `env_file` are relative to. */
  readonly cwd: string;
}

/**
 * Read compose files together: their services that are built become targets, all of them the group `default`.
 *
 * @throws {BerthError} invalid-argument @see buildx, bake/compose.go
 */
export async function loadCompose(files: readonly BakeFile[], options: ComposeOptions): Promise<Config> {
  try {
    const lookup = withDotEnv(options);
    const trees = files.map((file) => readTree(file, lookup));
    const project = membersOf(trees.reduce(mergeTrees), "the file");
    return configOf(project, { ...options, lookup });
  } catch (error) {
    if (error instanceof BerthError) throw error;
    throw new BerthError("invalid-argument", `failed to parse compose file: ${messageOf(error)}`, { cause: error });
  }
}

function withDotEnv({ lookup, cwd }: ComposeOptions): Lookup {
  const path = join(cwd, ".env");
  if (!existsSync(path) || statSync(path).isDirectory()) return lookup;
  const values = readEnvFile(path, lookup);
  return (name) => lookup(name) ?? values.get(name);
}

function readEnvFile(path: string, lookup: Lookup): ReadonlyMap<string, string> {
  if (statSync(path).size > bakeLimits.bytes) throw new Error(`${path} has more than ${bakeLimits.bytes} bytes`);
  const raw = parseEnv(readFileSync(path, "utf8"));
  const values = new Map<string, string>();
  const resolved = (name: string): string | undefined => {
    const given = values.get(name) ?? raw[name];
    if (given === undefined || values.has(name)) return given;
    // What refers to itself finds nothing there.
    values.set(name, "");
    const value = interpolate(given, (other) => lookup(other) ?? resolved(other));
    values.set(name, value);
    return value;
  };
  for (const name of Object.keys(raw)) resolved(name);
  return values;
}

function readTree({ name, text }: BakeFile, lookup: Lookup): unknown {
  const document = parseDocument(text, { merge: true, logLevel: "silent" });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw new Error(`${name}: ${problem.message.split("\n")[0]}`);
  const tree = membersOf(document.toJS({ maxAliasCount: bakeLimits.aliases }), name);
  if (tree["services"] === undefined && tree["secrets"] === undefined) throw new Error("empty compose file");
  if (tree["include"] !== undefined) throw new Error(`${name}: berth doesn't have include yet; give each file with -f`);
  const { services, secrets } = tree;
  let characters = 0;
  return mapTexts({ services: shortForms(services), secrets }, (given) => {
    characters += given.length;
    if (characters > bakeLimits.texts)
      throw new Error(`${name}: its texts come to more than ${bakeLimits.texts} characters`);
    return interpolate(given, lookup);
  });
}

/** Services with what may be written in a short form in its long one, so that files can be merged. */
function shortForms(services: unknown): Members {
  return Object.fromEntries(
    Object.entries(membersOf(services, "services")).map(([name, value]) => {
      const service = membersOf(value, `services.${name}`);
      const { build } = service;
      if (build === undefined || build === null) return [name, service];
      const place = `services.${name}.build`;
      const long = typeof build === "string" ? { context: build } : membersOf(build, place);
      const maps = ["args", "labels", "additional_contexts"].flatMap((key) =>
        long[key] === undefined ? [] : [[key, Object.fromEntries(pairsOf(long[key], `${place}.${key}`))] as const],
      );
      return [name, { ...service, build: { ...long, ...Object.fromEntries(maps) } }];
    }),
  );
}

function configOf(project: Members, options: ComposeOptions): Config {
  const services = membersOf(project["services"], "services");
  const secrets = membersOf(project["secrets"], "secrets");
  const targets: Target[] = [];
  for (const name of Object.keys(services)) {
    const service = extended(services, name, []);
    if (service["build"] === undefined) continue;
    const environment = environmentOf(service, name, options);
    targets.push(
      targetOfService({
        name,
        service,
        secrets,
        lookup: (variable) => environment.get(variable) ?? options.lookup(variable),
      }),
    );
  }
  if (Object.keys(services).length === 0) return { groups: [], targets: [] };
  return { groups: [{ name: "default", targets: targets.map(({ name }) => name) }], targets };
}

/** A service on top of the one that it extends. */
function extended(services: Members, name: string, path: readonly string[]): Members {
  const place = `services.${name}`;
  if (path.includes(name)) throw new Error(`${place}: circular reference by extends`);
  if (services[name] === undefined)
    throw new Error(`services.${path.at(-1)}: cannot extend service ${name}: it is not there`);
  const { extends: given, ...service } = membersOf(services[name], place);
  if (given === undefined) return service;
  const other = typeof given === "string" ? { service: given } : membersOf(given, `${place}.extends`);
  if (other["file"] !== undefined)
    throw new Error(`${place}: berth doesn't have extends of another file yet; give that file with -f`);
  const base = extended(services, textOf(other["service"], `${place}.extends.service`) ?? "", [...path, name]);
  return membersOf(mergeTrees(base, service), place);
}

/** What the service's own environment is: arguments without a value take theirs from it. */
function environmentOf(service: Members, name: string, { lookup, cwd }: ComposeOptions): ReadonlyMap<string, string> {
  const place = `services.${name}`;
  const values = new Map<string, string>();
  for (const { path, required } of envFiles(service["env_file"], `${place}.env_file`)) {
    const whole = resolve(cwd, path);
    if (required && !existsSync(whole)) throw new Error(`${place}: env file ${whole} not found`);
    const found = existsSync(whole) ? readEnvFile(whole, lookup) : [];
    for (const [key, value] of found) values.set(key, value);
  }
  for (const [key, value] of pairsOf(service["environment"], `${place}.environment`)) {
    const known = value ?? lookup(key);
    if (known !== undefined) values.set(key, known);
  }
  return values;
}

interface EnvFile {
  readonly path: string;
  readonly required: boolean;
}

function envFiles(given: unknown, place: string): readonly EnvFile[] {
  if (given === undefined || given === null) return [];
  const all: readonly unknown[] = Array.isArray(given) ? given : [given];
  return all.map((file) => (typeof file === "string" ? { path: file, required: true } : envFile(file, place)));
}

function envFile(value: unknown, place: string): EnvFile {
  const { path, required } = membersOf(value, place);
  const [first = ""] = textsOf(path, `${place}.path`);
  return { path: first, required: required !== false };
}
