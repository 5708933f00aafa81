import { isAbsolute, resolve } from "node:path";
import type { TmpfsRequest, VolumeRequest } from "../../container/request.ts";
import { parseVolume } from "../../volume/mount-spec.ts";
import { CliError } from "../cli-error.ts";
import { parseBool, parseBytes, quote } from "../flags/go-values.ts";

/** One `--mount`, read. */
export type MountFlag =
  | { readonly type: "volume"; readonly volume: VolumeRequest }
  | { readonly type: "tmpfs"; readonly tmpfs: TmpfsRequest };

interface Fields {
  type: string;
  source: string | undefined;
  target: string | undefined;
  readonly: boolean;
  propagation: string | undefined;
  noCopy: boolean;
  readonly tmpfs: string[];
}

const propagations = ["private", "rprivate", "slave", "rslave", "shared", "rshared"];

/** How a field of `--mount` is read, by its name. */
const readers: Readonly<Record<string, (fields: Fields, value: string) => void>> = {
  type: (fields, value) => {
    fields.type = value.toLowerCase();
  },
  source: (fields, value) => {
    fields.source = value;
  },
  target: (fields, value) => {
    fields.target = value;
  },
  readonly: (fields, value) => {
    fields.readonly = parseBool(value);
  },
  "bind-propagation": (fields, value) => {
    if (!propagations.includes(value)) throw new Error(`invalid propagation mode: ${value}`);
    fields.propagation = value;
  },
  "volume-nocopy": (fields, value) => {
    fields.noCopy = parseBool(value);
  },
  "tmpfs-size": (fields, value) => {
    fields.tmpfs.push(`size=${parseBytes(value)}`);
  },
  "tmpfs-mode": (fields, value) => {
    if (!/^[0-7]{1,4}$/.test(value)) throw new Error(`invalid value for tmpfs-mode: ${value}`);
    fields.tmpfs.push(`mode=${value}`);
  },
};

const synonyms: Readonly<Record<string, string>> = {
  src: "source",
  dst: "target",
  destination: "target",
  ro: "readonly",
};

/** Fields that stand without a value for true. */
const switches = ["readonly", "volume-nocopy"];

/**
 * Read the grammar of `--mount`: `type=bind,source=/x,target=/y,readonly`.
 *
 * @param cwd where a source that starts with `.` is looked for
 * @throws {Error} in the words of Docker's client, for the flag parser
 */
export function parseMount(text: string, cwd: string): MountFlag {
  const fields: Fields = {
    type: "volume",
    source: undefined,
    target: undefined,
    readonly: false,
    propagation: undefined,
    noCopy: false,
    tmpfs: [],
  };
  for (const field of text.split(",")) readField(fields, field);
  return mountOf(fields, cwd);
}

function readField(fields: Fields, field: string): void {
  const equals = field.indexOf("=");
  const written = equals < 0 ? field : field.slice(0, equals);
  const name = synonyms[written.toLowerCase()] ?? written.toLowerCase();
  if (equals < 0 && !switches.includes(name)) throw new Error(`invalid field '${field}' must be a key=value pair`);
  const read = Object.hasOwn(readers, name) ? readers[name] : undefined;
  if (read === undefined) throw new Error(`unexpected key '${written}' in '${field}'`);
  read(fields, equals < 0 ? "true" : field.slice(equals + 1));
}

function mountOf(fields: Fields, cwd: string): MountFlag {
  const { type, source, readonly, tmpfs } = fields;
  const target = checkedTarget(fields);
  switch (type) {
    case "tmpfs":
      if (source !== undefined) throw new Error("source is not allowed for a tmpfs mount");
      return { type, tmpfs: { target, options: [...(readonly ? ["ro"] : []), ...tmpfs] } };
    case "bind":
      if (source === undefined) throw new Error("source is required for a bind mount");
      return { type: "volume", volume: volumeOf(type, { ...fields, source: resolve(cwd, source), target }) };
    case "volume":
      if (fields.propagation === undefined) return { type, volume: volumeOf(type, { ...fields, target }) };
      throw new Error("cannot mix 'bind-*' options with mount type 'volume'");
    default:
      throw new Error(`mount type unknown: ${quote(type)}`);
  }
}

function checkedTarget({ target }: Fields): string {
  if (target === undefined || target === "") throw new Error("target is required");
  if (!isAbsolute(target)) throw new Error(`invalid mount path: '${target}' mount path must be absolute`);
  return target;
}

function volumeOf(kind: VolumeRequest["kind"], fields: Fields & { readonly target: string }): VolumeRequest {
  const { source, target, readonly, propagation, noCopy } = fields;
  return {
    kind,
    ...(source === undefined || source === "" ? {} : { source }),
    target,
    readonly,
    ...(propagation === undefined ? {} : { propagation }),
    createSource: false,
    noCopy,
  };
}

/** Read one `-v`. @throws {CliError} in the words of Docker's client; {BerthError} in those of its daemon */
export function volumeRequest(text: string, cwd: string): VolumeRequest {
  checkFields(text);
  const spec = parseVolume(text, cwd);
  const common = { target: spec.target, readonly: spec.readonly, mode: spec.mode, createSource: true };
  if (spec.type === "volume") {
    const source = spec.source === undefined ? {} : { source: spec.source };
    return { ...common, ...source, kind: "volume", noCopy: !spec.copyUp };
  }
  return { ...common, kind: "bind", source: spec.source, propagation: spec.propagation, noCopy: false };
}

/** What Docker's client refuses of a `-v`, before its daemon sees it. */
function checkFields(text: string): void {
  if (text === "") throw new CliError("invalid empty volume spec");
  if (text.length < 3) return;
  const fields = fieldsOf(text);
  const reason = fields.slice(0, 3).includes("") ? "empty section between colons" : "too many colons";
  if (fields.length > 3 || fields.includes("")) throw new CliError(`invalid spec: ${text}: ${reason}`);
}

/** What stands between colons; a colon behind a single letter is a drive's of Windows, for Docker's client on Linux too. */
function fieldsOf(text: string): readonly string[] {
  const fields: string[] = [];
  for (const part of text.split(":")) {
    const last = fields.at(-1) ?? "";
    if (/^\p{L}$/u.test(last)) fields.splice(-1, 1, `${last}:${part}`);
    else fields.push(part);
  }
  return fields;
}

/** Read one `--tmpfs`: `/path` or `/path:options`. */
export function tmpfsRequest(text: string): TmpfsRequest {
  const colon = text.indexOf(":");
  if (colon < 0) return { target: text, options: [] };
  return {
    target: text.slice(0, colon),
    options: text
      .slice(colon + 1)
      .split(",")
      .filter((option) => option !== ""),
  };
}
