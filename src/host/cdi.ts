import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { codeOf, messageOf } from "../base/errors.ts";
import { isObject, type JsonObject } from "../base/json-object.ts";
import { parseYaml } from "./yaml.ts";

/** A device node that a container gets. */
export interface CdiNode {
  /** In the container. */
  readonly path: string;
  /** Here; the same when absent. */
  readonly hostPath?: string;
  /** `b` or `c`; what the node here is, when absent. */
  readonly type?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  /** Of `r`, `w`, `m`; all of them when absent. */
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** A mount that a container gets. */
export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly type?: string;
  readonly options: readonly string[];
}

/** A program that the runtime runs. */
export interface CdiHook {
  readonly hookName: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly timeout?: number;
}

/** What a device changes in a container. */
export interface CdiEdits {
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiNode[];
  readonly mounts: readonly CdiMount[];
  readonly hooks: readonly CdiHook[];
  readonly additionalGids: readonly number[];
}

/** A device that the machine has a specification of. */
export interface CdiDevice {
  /** `vendor.com/class=name` */
  readonly name: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly edits: CdiEdits;
  /** What every device of its specification changes, once: the same object for all of them. */
  readonly common: CdiEdits;
}

/** What {@link readCdi} finds. */
export interface CdiRegistry {
  /** By name, in order. */
  readonly devices: ReadonlyMap<string, CdiDevice>;
  /** Files that couldn't be read, each with why. */
  readonly unread: readonly string[];
}

/** Where specifications are looked for: what the second has is taken before what the first has. @see CDI specification */
export const cdiDirectories: readonly string[] = ["/etc/cdi", "/var/run/cdi"];

/** Most bytes of a specification, and most of them in a directory. */
const limits = { bytes: 4 << 20, files: 1000 };

/** Read the specifications of devices, files of the Container Device Interface in JSON or YAML. */
export function readCdi(directories: readonly string[]): CdiRegistry {
  const found = new Map<string, CdiDevice>();
  const unread: string[] = [];
  for (const directory of directories) {
    const here = namesIn(directory).flatMap((name) => readSpecification(join(directory, name), unread));
    for (const [name, [device, another]] of Map.groupBy(here, (each) => each.name)) {
      // Of two in one directory nobody can say which is meant.
      if (device === undefined || another !== undefined) found.delete(name);
      else found.set(name, device);
    }
  }
  return { devices: new Map([...found].sort(([one], [other]) => (one < other ? -1 : 1))), unread };
}

function readSpecification(path: string, unread: string[]): readonly CdiDevice[] {
  try {
    return devicesIn(path);
  } catch (error) {
    unread.push(`${path}: ${messageOf(error)}`);
    return [];
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    const names = readdirSync(directory).filter((name) => /\.(json|ya?ml)$/.test(name));
    return names.sort().slice(0, limits.files);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

function devicesIn(path: string): readonly CdiDevice[] {
  if (statSync(path).size > limits.bytes) throw new Error(`more than ${limits.bytes} bytes`);
  const text = readFileSync(path, "utf8");
  const spec = objectOf(path.endsWith(".json") ? JSON.parse(text) : parseYaml(text), "the specification");
  const kind = textOf(spec["kind"], "kind");
  if (!/^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*$/.test(kind)) throw new Error(`invalid kind ${JSON.stringify(kind)}`);
  const annotations = annotationsOf(spec["annotations"]);
  const common = editsOf(spec["containerEdits"]);
  return listOf(spec["devices"], "devices").map((each) => {
    const device = objectOf(each, "a device");
    return {
      name: `${kind}=${textOf(device["name"], "name")}`,
      annotations: { ...annotations, ...annotationsOf(device["annotations"]) },
      edits: editsOf(device["containerEdits"]),
      common,
    };
  });
}

function editsOf(value: unknown): CdiEdits {
  const edits = value === undefined ? {} : objectOf(value, "containerEdits");
  for (const key of Object.keys(edits)) if (!known.has(key)) throw new Error(`containerEdits.${key} isn't supported`);
  return {
    env: textsOf(edits["env"], "env"),
    deviceNodes: listOf(edits["deviceNodes"], "deviceNodes").map(nodeOf),
    mounts: listOf(edits["mounts"], "mounts").map(mountOf),
    hooks: listOf(edits["hooks"], "hooks").map(hookOf),
    additionalGids: listOf(edits["additionalGids"], "additionalGids").map((gid) => numberOf(gid, "additionalGids")),
  };
}

const known: ReadonlySet<string> = new Set(["env", "deviceNodes", "mounts", "hooks", "additionalGids"]);

function nodeOf(value: unknown): CdiNode {
  const node = objectOf(value, "a device node");
  const text = optional(node, textOf);
  const number = optional(node, numberOf);
  return {
    path: pathOf(node["path"], "path"),
    ...text("hostPath"),
    ...text("type"),
    ...number("major"),
    ...number("minor"),
    ...number("fileMode"),
    ...text("permissions"),
    ...number("uid"),
    ...number("gid"),
  };
}

function mountOf(value: unknown): CdiMount {
  const mount = objectOf(value, "a mount");
  return {
    hostPath: textOf(mount["hostPath"], "hostPath"),
    containerPath: pathOf(mount["containerPath"], "containerPath"),
    ...optional(mount, textOf)("type"),
    options: textsOf(mount["options"], "options"),
  };
}

function hookOf(value: unknown): CdiHook {
  const hook = objectOf(value, "a hook");
  return {
    hookName: textOf(hook["hookName"], "hookName"),
    path: pathOf(hook["path"], "path"),
    args: textsOf(hook["args"], "args"),
    env: textsOf(hook["env"], "env"),
    ...optional(hook, numberOf)("timeout"),
  };
}

/** A field that may be absent. */
function optional<T>(fields: JsonObject, read: (value: unknown, name: string) => T) {
  return <Name extends string>(name: Name): { readonly [Key in Name]?: T } => {
    const value = fields[name];
    if (value === undefined) return {};
    const field: { [Key in Name]?: T } = {};
    field[name] = read(value, name);
    return field;
  };
}

function objectOf(value: unknown, what: string): JsonObject {
  if (isObject(value)) return value;
  throw new Error(`${what} is no object`);
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw new Error(`${what} is no list`);
}

function textsOf(value: unknown, what: string): readonly string[] {
  return listOf(value, what).map((each) => textOf(each, what));
}

function textOf(value: unknown, what: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new Error(`${what} is no text`);
}

function pathOf(value: unknown, what: string): string {
  const path = textOf(value, what);
  if (path.startsWith("/")) return path;
  throw new Error(`${what} isn't absolute: ${path}`);
}

function numberOf(value: unknown, what: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Error(`${what} is no whole number`);
}

function annotationsOf(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const entries = Object.entries(objectOf(value, "annotations"));
  return Object.fromEntries(entries.map(([key, each]) => [key, String(each)]));
}
