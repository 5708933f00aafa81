import { BerthError } from "../base/errors.ts";
import { parseCSV } from "./csv.ts";
import { withSuggestion } from "./suggest.ts";

// `RUN --mount=type=...,key=value`. @see Dockerfile reference, "RUN --mount"

const types = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const sharings = ["shared", "private", "locked"] as const;

/** A mount for the time of one RUN. */
export interface RunMount {
  readonly type: (typeof types)[number];
  readonly from?: string;
  readonly source?: string;
  readonly target?: string;
  readonly readOnly: boolean;
  /** A tmpfs: bytes. */
  readonly size?: number;
  /** A cache, a secret or an ssh agent: what it is known by. */
  readonly id?: string;
  /** A cache: who may use it at once. */
  readonly sharing?: (typeof sharings)[number];
  /** A secret or an ssh agent: true when the step must fail without it. */
  readonly required: boolean;
  /** A secret: the variable to put it in; empty for the one named after its id. */
  readonly env?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

type Draft = { -readonly [Key in keyof RunMount]: RunMount[Key] } & { readOnlyGiven: boolean };

/**
 * What can be checked before variables are known: the value's syntax, and that `from` has none of them.
 *
 * @throws {BerthError} invalid-argument with BuildKit's message
 */
export function checkMount(text: string): void {
  for (const field of fieldsOf(text)) {
    const [key, value] = keyValue(field);
    const variable = key === "from" ? (value?.indexOf("$") ?? -1) : -1;
    if (value !== undefined && variable >= 0 && variable < value.length - 1)
      throw wrong("'from' doesn't support variable expansion, define alias stage instead");
  }
}

/** What `from` names; undefined without one. What else there is isn't looked at: variables may be in it. @throws {BerthError} */
export function mountFrom(text: string): string | undefined {
  return fieldsOf(text)
    .map(keyValue)
    .findLast(([key, value]) => key === "from" && value !== undefined)?.[1];
}

/**
 * Read the value of `--mount`; `expand` fills in variables.
 *
 * @throws {BerthError} invalid-argument with BuildKit's message
 */
export function parseMount(text: string, expand: (word: string) => string): RunMount {
  const draft: Draft = { type: "bind", readOnly: true, required: false, readOnlyGiven: false };
  for (const field of fieldsOf(text)) {
    const [key, value] = keyValue(field);
    if (value === undefined) setSwitch(draft, key, field);
    else setKey(draft, { key, value: expand(value), field });
  }
  const { readOnlyGiven, ...mount } = draft;
  if (!readOnlyGiven) mount.readOnly = mount.type !== "cache" && mount.type !== "tmpfs";
  checkCombination(mount);
  return mount;
}

function wrong(message: string): BerthError {
  return new BerthError("invalid-argument", message);
}

function fieldsOf(text: string): readonly string[] {
  try {
    return parseCSV(text);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw wrong(`failed to parse csv mounts: ${error.message}`);
  }
}

function keyValue(field: string): readonly [string, string?] {
  const at = field.indexOf("=");
  return at < 0 ? [field.toLowerCase()] : [field.slice(0, at).toLowerCase(), field.slice(at + 1)];
}

function setSwitch(draft: Draft, key: string, field: string): void {
  if (["readonly", "ro", "readwrite", "rw"].includes(key)) setReadOnly(draft, key.startsWith("reado") || key === "ro");
  else if (key === "required") setRequired(draft, true);
  else throw wrong(`invalid field '${field}' must be a key=value pair`);
}

function setReadOnly(draft: Draft, readOnly: boolean): void {
  draft.readOnly = readOnly;
  draft.readOnlyGiven = true;
}

function setRequired(draft: Draft, required: boolean): void {
  if (draft.type !== "secret" && draft.type !== "ssh") throw unexpected("required", draft.type);
  draft.required = required;
}

function unexpected(key: string, type: string): BerthError {
  return wrong(`unexpected key '${key}' for mount type '${type}'`);
}

type Setting = { readonly key: string; readonly value: string; readonly field: string };

const setters: Readonly<Record<string, (draft: Draft, setting: Setting) => void>> = {
  type: (draft, { value }) => {
    draft.type = oneOf(types, value, "unsupported mount type");
  },
  from: (draft, { value }) => {
    draft.from = value;
  },
  source: setSource,
  target: setTarget,
  readonly: (draft, setting) => setReadOnly(draft, boolean(setting)),
  id: (draft, { value }) => {
    draft.id = value;
  },
  sharing: (draft, { value }) => {
    draft.sharing = oneOf(sharings, value, "unsupported sharing value");
  },
  required: (draft, setting) => setRequired(draft, boolean(setting)),
  size: (draft, { value }) => {
    if (draft.type !== "tmpfs") throw unexpected("size", draft.type);
    draft.size = bytes(value);
  },
  mode: (draft, { value }) => {
    draft.mode = unsigned(value, 8, "mode");
  },
  uid: (draft, { value }) => {
    draft.uid = unsigned(value, 10, "uid");
  },
  gid: (draft, { value }) => {
    draft.gid = unsigned(value, 10, "gid");
  },
  src: setSource,
  dst: setTarget,
  destination: setTarget,
  ro: (draft, setting) => setReadOnly(draft, boolean(setting)),
  rw: (draft, setting) => setReadOnly(draft, !boolean(setting)),
  readwrite: (draft, setting) => setReadOnly(draft, !boolean(setting)),
  env: (draft, { value }) => {
    draft.env = value;
  },
};

function setKey(draft: Draft, setting: Setting): void {
  const { key, field } = setting;
  const set = Object.hasOwn(setters, key) ? setters[key] : undefined;
  if (set === undefined)
    throw wrong(withSuggestion(`unexpected key '${key}' in '${field}'`, key, Object.keys(setters)));
  set(draft, setting);
}

function setSource(draft: Draft, { value }: Setting): void {
  draft.source = value;
}

function setTarget(draft: Draft, { value }: Setting): void {
  draft.target = value;
}

function oneOf<Word extends string>(words: readonly Word[], value: string, message: string): Word {
  const found = words.find((word) => word === value.toLowerCase());
  if (found !== undefined) return found;
  throw wrong(withSuggestion(`${message} ${JSON.stringify(value)}`, value, words));
}

function boolean({ key, value }: Setting): boolean {
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw wrong(`invalid value for ${key}: ${value}`);
}

function unsigned(value: string, base: 8 | 10, key: string): number {
  const number = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(value) ? Number.parseInt(value, base) : Infinity;
  if (number >= 2 ** 32) throw wrong(`invalid value ${value} for ${key}`);
  return number;
}

/** `64m`, `1.5GiB`, `1024`: units are powers of 1024. */
function bytes(value: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])?i?b?)$/i.exec(value) ?? [];
  if (number === undefined) throw wrong(`invalid value for size: ${value}`);
  return Math.trunc(Number(number) * 1024 ** " kmgtp".indexOf(unit.toLowerCase() || " "));
}

function checkCombination(mount: RunMount): void {
  const { type } = mount;
  if (type === "bind" || type === "tmpfs")
    for (const key of ["mode", "uid", "gid"] as const)
      if (mount[key] !== undefined) throw wrong(`${key} not allowed for "${type}" type mounts`);
  if (type === "secret") checkSecret(mount);
  if (mount.sharing !== undefined && type !== "cache") throw wrong(`invalid cache sharing set for ${type} mount`);
}

function checkSecret({ from, sharing, source, target, id }: RunMount): void {
  if (from) throw wrong("secret mount should not have a from");
  if (sharing) throw wrong("secret mount should not define sharing");
  if (!source && !target && !id) throw wrong("invalid secret mount. one of source, target required");
  if (source && id) throw wrong("both source and id can't be set");
}
