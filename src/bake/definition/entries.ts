import { fieldsOf } from "./fields.ts";
import { parseBool } from "./go-bool.ts";

/** Attributes of an output, a cache or an attestation, `type` among them. */
export type Entry = Readonly<Record<string, string>>;

/** One `secret`. */
export interface Secret {
  readonly id?: string;
  readonly src?: string;
  readonly env?: string;
}

/** One `ssh`. */
export interface Ssh {
  readonly id?: string;
  readonly paths?: readonly string[];
}

/** Entries by key, as buildx orders them: first what is first, `type` and `dest` where their names sort. */
export function entryOf(fields: Iterable<readonly [string, string]>): Entry {
  return Object.fromEntries([...fields].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function cut(field: string): readonly [name: string, value: string] {
  const equals = field.indexOf("=");
  if (equals < 0) throw new Error(`invalid value ${field}`);
  return [field.slice(0, equals), field.slice(equals + 1)];
}

/** Read an output: `type=local,dest=out`, `out`, `-`. @throws in buildx's words */
export function parseOutput(text: string): Entry {
  const fields = fieldsOf(text);
  if (fields.length === 1 && !text.startsWith("type="))
    return text === "-" ? { dest: "-", type: "tar" } : { dest: text, type: "local" };
  return checkedOutput(entryOf(fields.map(cut).map(([name, value]) => [name.trim().toLowerCase(), value] as const)));
}

/** @throws when an output has no type */
export function checkedOutput(entry: Entry): Entry {
  const { dest, ...rest } = entry;
  if ((entry["type"] ?? "") === "") throw new Error("type is required for output");
  return dest === "" ? rest : entry;
}

/** Read caches: `type=registry,ref=a`, or names of images. @throws in buildx's words */
export function parseCaches(text: string): readonly Entry[] {
  if (text === "") return [];
  const fields = fieldsOf(text);
  if (!text.includes("=")) return fields.map((ref) => ({ ref, type: "registry" }));
  const entry = entryOf(fields.map(cut).map(([name, value]) => [name.toLowerCase(), value] as const));
  return [checkedCache(entry, text)];
}

/** @throws when a cache has no type */
export function checkedCache(entry: Entry, text: string): Entry {
  if ((entry["type"] ?? "") === "") throw new Error(`type required for ${JSON.stringify(text)}`);
  return entry;
}

/** Read an attestation: `type=provenance,mode=max`. `disabled` stays only where it is so. @throws in buildx's words */
export function parseAttest(text: string): Entry {
  return checkedAttest(
    entryOf(
      fieldsOf(text)
        .map(cut)
        .map(([name, value]) => [known(name), value] as const),
    ),
  );
}

function known(name: string): string {
  const plain = name.trim().toLowerCase();
  return plain === "type" || plain === "disabled" ? plain : name;
}

/** @throws when an attestation has no type */
export function checkedAttest(entry: Entry): Entry {
  const { disabled, ...rest } = entry;
  if ((rest["type"] ?? "") === "") throw new Error("attestation type not specified");
  return disabled !== undefined && parseBool(disabled)
    ? entryOf([...Object.entries(rest), ["disabled", "true"]])
    : rest;
}

/** What `--provenance` and `--sbom` say of an attestation. */
export function attestText(type: string, given: string): string {
  try {
    return `type=${type},disabled=${!parseBool(given)}`;
  } catch {
    return `type=${type},${given}`;
  }
}

/** Read a secret: `id=token,src=file`, `id=token,env=TOKEN`. @throws in buildx's words */
export function parseSecret(text: string): Secret {
  const fields = new Map(fieldsOf(text).map(secretField));
  const type = fields.get("type");
  const [id = "", src = "", env = ""] = ["id", "src", "env"].map((name) => fields.get(name));
  return secretOf(type === "env" && env === "" ? { id, env: src } : { id, src, env });
}

function secretField(field: string): readonly [name: string, value: string] {
  const equals = field.indexOf("=");
  if (equals < 0) throw new Error(`invalid field '${field}' must be a key=value pair`);
  const name = field.slice(0, equals).toLowerCase();
  const value = field.slice(equals + 1);
  switch (name) {
    case "type":
      return [name, secretType(value)];
    case "source":
      return ["src", value];
    case "src":
    case "id":
    case "env":
      return [name, value];
    default:
      throw new Error(`unexpected key '${name}' in '${field}'`);
  }
}

function secretType(value: string): string {
  if (value === "file" || value === "env") return value;
  throw new Error(`unsupported secret type ${JSON.stringify(value)}`);
}

/** A secret without what is empty. */
export function secretOf({ id = "", src = "", env = "" }: Secret): Secret {
  return { ...(id === "" ? {} : { id }), ...(src === "" ? {} : { src }), ...(env === "" ? {} : { env }) };
}

/** Read an `ssh`: `default`, `id=path,path`. */
export function parseSsh(text: string): Ssh {
  const equals = text.indexOf("=");
  if (equals < 0) return sshOf({ id: text });
  return sshOf({ id: text.slice(0, equals), paths: text.slice(equals + 1).split(",") });
}

/** An `ssh` without what is empty. */
export function sshOf({ id = "", paths = [] }: Ssh): Ssh {
  return { ...(id === "" ? {} : { id }), ...(paths.length === 0 ? {} : { paths }) };
}

/** One entry as `build` takes it on its command line. */
export function entryText(entry: Entry): string {
  const { type = "", dest, ...rest } = entry;
  const names = Object.keys(rest).sort();
  const fields = [
    ["type", type],
    ...(dest === undefined ? [] : [["dest", dest]]),
    ...names.map((name) => [name, rest[name] ?? ""]),
  ];
  return fields.map(([name, value]) => quotedField(`${name}=${value}`)).join();
}

/** A field of a line of comma-separated values. */
export function quotedField(field: string): string {
  return /[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** As buildx: of equal ones the first is left, and the last takes the place of one that goes. */
export function withoutRepeated(entries: readonly Entry[]): readonly Entry[] {
  const left = [...entries];
  for (let index = left.length - 2; index >= 0; index--) {
    const again = left.findIndex((entry, other) => other > index && sameEntry(entry, left[index]));
    const last = again < 0 ? undefined : left.pop();
    if (last !== undefined && again < left.length) left[again] = last;
  }
  return left;
}

function sameEntry(a: Entry, b: Entry | undefined): boolean {
  return b !== undefined && entryText(a) === entryText(b);
}

/** Of those with one key the last, where the first was. */
export function lastByKey<T>(entries: readonly T[], keyOf: (entry: T) => string): readonly T[] {
  return [...new Map(entries.map((entry) => [keyOf(entry), entry])).values()];
}
