import { BerthError } from "../base/errors.ts";
import { isTime } from "../base/instant.ts";
import { boundJson } from "../base/json-bounds.ts";
import { isObject } from "../base/json-object.ts";
import { type DiffID, isDigest } from "./digest.ts";
import type { Platform } from "./platform.ts";

/** Durations in nanoseconds, as in Docker's JSON. */
export interface Healthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** How a container of the image starts, unless `run` says otherwise. @see image-spec v1.1 config.md#properties */
export interface RunConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly StopSignal?: string;
  readonly ArgsEscaped?: boolean;
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[];
  readonly Shell?: readonly string[];
}

/** One line of `history`. Layers correspond to the entries without `empty_layer`, in order. */
export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

/** The image config, whose digest is the image ID. @see image-spec v1.1 config.md */
export interface ImageConfig extends Platform {
  /** RFC 3339, nanoseconds allowed. */
  readonly created?: string;
  readonly author?: string;
  readonly comment?: string;
  /** Of the Docker that made it, which writes it beside what the specification has. */
  readonly docker_version?: string;
  readonly config?: RunConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly DiffID[] };
  readonly history?: readonly HistoryEntry[];
  /** A build cache for others, base64: see `remote-cache/inline.ts`. */
  readonly "moby.buildkit.cache.v0"?: string;
}

/**
 * Read an image config. Programs in Go write null where they have nothing: such a field counts as absent. A command that is a
 * text, as the first images have it, is a list of that text.
 *
 * @throws {BerthError} invalid-argument, when the bytes are no JSON object, or `os`, `architecture` or `rootfs` are missing or malformed
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const value = withWordLists(parseWithoutNulls(bytes));
  if (!isImageConfig(value))
    throw new BerthError("invalid-argument", "invalid image config: os, architecture or rootfs");
  const wrong = wrongField(value as unknown as Readonly<Record<string, unknown>>);
  if (wrong !== undefined) throw new BerthError("invalid-argument", `invalid image config: ${wrong}`);
  return value;
}

/**
 * The same for a config that comes from outside: its times are times.
 *
 * @throws {BerthError} invalid-argument, as {@link parseImageConfig}, and for what is no time
 */
export function parseNewConfig(bytes: Uint8Array): ImageConfig {
  const config = parseImageConfig(bytes);
  const times = [config.created, ...(config.history ?? []).map(({ created }) => created)];
  const wrong = times.find((time) => time !== undefined && !isTime(time));
  if (wrong === undefined) return config;
  const shown = JSON.stringify(wrong.slice(0, 100));
  throw new BerthError(
    "invalid-argument",
    `invalid image config: parsing time ${shown}: it is no time as RFC 3339 has it`,
  );
}

function parseWithoutNulls(bytes: Uint8Array): unknown {
  boundJson(bytes);
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const value: unknown = JSON.parse(text, (_, field: unknown) => (field === null ? undefined : field));
    return value;
  } catch (error) {
    // No JSON, or no UTF-8.
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw new BerthError("invalid-argument", `invalid image config: ${error.message}`, { cause: error });
  }
}

/** Docker takes a text for each of these, too. */
const wordLists = ["Entrypoint", "Cmd", "Shell"];

function withWordLists(value: unknown): unknown {
  if (!isObject(value) || !isObject(value["config"])) return value;
  const fields = Object.entries(value["config"]);
  const lists = fields.map(([name, field]) => [name, wordLists.includes(name) && isText(field) ? [field] : field]);
  return { ...value, config: Object.fromEntries(lists) };
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";
const isCount: Check = (value) => typeof value === "number";
// A null in a list has become a hole.
const isTextList: Check = (value) => Array.isArray(value) && Array.from<unknown>(value).every(isText);
const isTextMap: Check = (value) => isObject(value) && Object.values(value).every(isText);

const topChecks: Readonly<Record<string, Check>> = {
  created: isText,
  author: isText,
  comment: isText,
  docker_version: isText,
  variant: isText,
  config: isObject,
  history: (value) => Array.isArray(value) && Array.from<unknown>(value).every(isObject),
};
const healthChecks: Readonly<Record<string, Check>> = {
  Test: isTextList,
  Interval: isCount,
  Timeout: isCount,
  StartPeriod: isCount,
  StartInterval: isCount,
  Retries: isCount,
};
const runChecks: Readonly<Record<string, Check>> = {
  User: isText,
  ExposedPorts: isObject,
  Env: isTextList,
  Entrypoint: isTextList,
  Cmd: isTextList,
  Volumes: isObject,
  WorkingDir: isText,
  Labels: isTextMap,
  StopSignal: isText,
  ArgsEscaped: isFlag,
  Healthcheck: isObject,
  OnBuild: isTextList,
  Shell: isTextList,
};
const historyChecks: Readonly<Record<string, Check>> = {
  created: isText,
  created_by: isText,
  author: isText,
  comment: isText,
  empty_layer: isFlag,
};

/** The first field of a config that is of another type than it may be. */
function wrongField(config: Readonly<Record<string, unknown>>): string | undefined {
  const run = isObject(config["config"]) ? config["config"] : {};
  const history = Array.isArray(config["history"]) ? config["history"] : [];
  return (
    failing(config, topChecks, "") ??
    failing(run, runChecks, "config.") ??
    (isObject(run["Healthcheck"]) ? failing(run["Healthcheck"], healthChecks, "config.Healthcheck.") : undefined) ??
    history.map((entry) => (isObject(entry) ? failing(entry, historyChecks, "history.") : "history")).find(isText)
  );
}

function failing(
  value: Readonly<Record<string, unknown>>,
  checks: Readonly<Record<string, Check>>,
  prefix: string,
): string | undefined {
  for (const [name, check] of Object.entries(checks)) {
    if (value[name] !== undefined && !check(value[name])) return `${prefix}${name}`;
  }
  return undefined;
}

function isImageConfig(value: unknown): value is ImageConfig {
  if (typeof value !== "object" || value === null) return false;
  const { os, architecture, rootfs } = value as Record<string, unknown>;
  if (typeof os !== "string" || typeof architecture !== "string") return false;
  if (typeof rootfs !== "object" || rootfs === null) return false;
  const { diff_ids } = rootfs as Record<string, unknown>;
  return Array.isArray(diff_ids) && Array.from<unknown>(diff_ids).every((id) => typeof id === "string" && isDigest(id));
}
