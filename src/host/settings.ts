import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { isObject } from "../base/json-object.ts";
import { callerOf } from "./host.ts";
import { isNetwork, serverName, wrongServerName } from "./server-name.ts";

/** What an administrator or a user has set for an engine, with the keys of Docker's `daemon.json` where it has them. */
export interface Settings {
  /** URLs of mirrors of Docker Hub, each with a scheme and without a `/` at the end; asked in this order. */
  readonly registryMirrors: readonly string[];
  /** Hosts, `host:port` as {@link serverName} has them, or CIDR: certificates aren't checked there, and plain HTTP will do. */
  readonly insecureRegistries: readonly string[];
  readonly maxConcurrentDownloads: number;
  readonly maxConcurrentUploads: number;
  /** Ranges of blobs that are fetched at once, beside one of each; 1: blobs come whole. */
  readonly maxConcurrentRanges: number;
  /** Times that a request is tried, at least 1. */
  readonly maxDownloadAttempts: number;
  /** Seconds without a byte of a body after which a connection is given up; four times as many before an answer. */
  readonly stallTimeout: number;
  /** `RUN` steps that failed and whose file systems are kept; the oldest goes when there are more. */
  readonly keptBuildSteps: number;
  /** What is absent comes from `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`. */
  readonly proxies: ProxySettings;
  /** Where specifications of devices are looked for, the last first; {@link cdiDirectories} when absent. */
  readonly cdiSpecDirs?: readonly string[];
  readonly builder: BuilderSettings;
  /** By host as {@link serverName} has it, `docker.io` for Docker Hub. */
  readonly registries: ReadonlyMap<string, RegistrySettings>;
}

/** The key `proxies`, as `daemon.json` has it. */
export interface ProxySettings {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  readonly noProxy?: string;
}

/** The key `builder`, as `daemon.json` has it. */
export interface BuilderSettings {
  readonly gc?: BuildCacheSettings;
}

/** How much space the build cache may take after a build, bytes; what is absent depends on the disk. */
export interface BuildCacheSettings {
  /** Whether it is bounded; true when absent. */
  readonly enabled?: boolean;
  /** What it may always take. */
  readonly reservedSpace?: number;
  /** The most that it may take. */
  readonly maxUsedSpace?: number;
  /** What is to be free on the disk. */
  readonly minFreeSpace?: number;
}

/** What is set for one registry. */
export interface RegistrySettings {
  /** Nobody is contacted. */
  readonly blocked?: boolean;
  /** As {@link Settings.registryMirrors}. */
  readonly mirrors?: readonly string[];
  /** Certificates aren't checked, and plain HTTP will do; false for a loopback host that has neither. */
  readonly insecure?: boolean;
}

/** What holds where no file says otherwise. */
export const defaultSettings: Settings = {
  registryMirrors: [],
  insecureRegistries: [],
  maxConcurrentDownloads: 3,
  maxConcurrentUploads: 5,
  maxConcurrentRanges: 4,
  maxDownloadAttempts: 5,
  stallTimeout: 30,
  keptBuildSteps: 5,
  proxies: {},
  builder: {},
  registries: new Map(),
};

/** Most bytes of the file. */
const limit = 1 << 20;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Read the settings file: `file`, else `$BERTH_CONFIG_FILE`, and one of these must be there; else `/etc/berth/engine.json` for
 * root and `$XDG_CONFIG_HOME/berth/engine.json` for anybody else, which may be absent.
 *
 * @param warn told, in a sentence, what of it is passed over
 * @throws {BerthError} invalid-argument, naming file and key, when it isn't JSON, or has a key or a type that it may not have;
 *   not-found, when a named file is not there
 */
export function readSettings(file?: string, env: Env = process.env, warn: Warn = () => undefined): Settings {
  const named = file ?? (env["BERTH_CONFIG_FILE"] || undefined);
  const path = named ?? usualPath(env);
  const text = textOf(path, named !== undefined);
  if (text === undefined) return defaultSettings;
  return settingsOf(objectIn(path, text), (what) => wrongFile(path, what), warn);
}

function usualPath(env: Env): string {
  if (callerOf(env) === 0) return "/etc/berth/engine.json";
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] ?? homedir(), ".config"), "berth", "engine.json");
}

function textOf(path: string, needed: boolean): string | undefined {
  try {
    if (statSync(path).size > limit) throw wrongFile(path, `larger than ${limit} bytes`);
    return readFileSync(path, "utf8");
  } catch (error) {
    const absent = codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";
    if (absent && !needed) return undefined;
    if (absent) throw new BerthError("not-found", `open ${path}: no such file or directory`, { cause: error });
    throw error;
  }
}

function objectIn(path: string, text: string): unknown {
  try {
    return text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw wrongFile(path, error.message, error);
  }
}

function wrongFile(path: string, what: string, cause?: unknown): BerthError {
  return new BerthError("invalid-argument", `unable to configure berth with file ${path}: ${what}`, {
    cause,
    hint: "The settings are listed in docs/settings.md; keys are those of Docker's daemon.json.",
  });
}

type Wrong = (what: string) => BerthError;
type Warn = (message: string) => void;
/** Reads the value of a key, or throws. */
type Reader<T> = (value: unknown, key: string, wrong: Wrong) => T;

const readText: Reader<string> = (value, key, wrong) => {
  if (typeof value === "string") return value;
  throw wrong(`${key}: not a string`);
};
const readFlag: Reader<boolean> = (value, key, wrong) => {
  if (typeof value === "boolean") return value;
  throw wrong(`${key}: neither true nor false`);
};
const readCount: Reader<number> = (value, key, wrong) => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
  throw wrong(`${key}: not a whole number of at least 1`);
};
const readNumber: Reader<number> = (value, key, wrong) => (value === 0 ? value : readCount(value, key, wrong));
const readTexts: Reader<readonly string[]> = (value, key, wrong) => {
  if (Array.isArray(value)) return value.map((each, n) => readText(each, `${key}[${n}]`, wrong));
  throw wrong(`${key}: not a list of strings`);
};
const readMirrors: Reader<readonly string[]> = (value, key, wrong) =>
  readTexts(value, key, wrong).map((mirror) => checkedMirror(mirror, (what) => wrong(`${key}: ${what}`)));

/** @throws in the words of Docker's ValidateMirror */
function checkedMirror(mirror: string, wrong: Wrong): string {
  const quoted = JSON.stringify(mirror);
  const schemes = "must use either 'https://' or 'http://'";
  if (!mirror.includes("://")) throw wrong(`invalid mirror: no scheme specified for ${quoted}: ${schemes}`);
  if (!URL.canParse(mirror)) throw wrong(`invalid mirror: ${quoted} is not a valid URI`);
  const { protocol, username, password, search, hash } = new URL(mirror);
  if (username !== "" || password !== "") throw wrong("invalid mirror: username/password not allowed in URI");
  if (protocol !== "http:" && protocol !== "https:")
    throw wrong(`invalid mirror: unsupported scheme in ${quoted}: ${schemes}`);
  if (search !== "" || hash !== "") throw wrong(`invalid mirror: query or fragment at end of the URI ${quoted}`);
  return mirror.replace(/\/+$/, "");
}

/** The fields that an object has, each read as its key says. @throws for a key that none is for */
function fieldsOf<T extends object>(
  value: unknown,
  readers: { readonly [K in keyof T]-?: { readonly key: string; readonly read: Reader<T[K]> } },
  { at, wrong }: { readonly at: string; readonly wrong: Wrong },
): Partial<T> {
  if (!isObject(value)) {
    throw wrong(at === "" ? "not a JSON object" : `${at}: not an object`);
  }
  const names = Object.keys(readers) as (keyof T)[];
  const fields: Partial<T> = {};
  for (const [key, each] of Object.entries(value)) {
    const name = names.find((one) => readers[one].key === key);
    const whole = at === "" ? key : `${at}.${key}`;
    if (name === undefined) throw wrong(`the following directives don't match any configuration option: ${whole}`);
    fields[name] = readers[name].read(each, whole, wrong);
  }
  return fields;
}

const readProxies: Reader<ProxySettings> = (value, at, wrong) =>
  fieldsOf<Required<ProxySettings>>(
    value,
    {
      httpProxy: { key: "http-proxy", read: readText },
      httpsProxy: { key: "https-proxy", read: readText },
      noProxy: { key: "no-proxy", read: readText },
    },
    { at, wrong },
  );

const readSize: Reader<number> = (value, key, wrong) => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  const [, number, unit = ""] =
    /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(typeof value === "string" ? value : "") ?? [];
  if (number === undefined) throw wrong(`${key}: not a size, as 20GB`);
  return Math.trunc(Number(number) * 1024 ** " kmgtp".indexOf(unit.toLowerCase() || " "));
};

const readCollection: Reader<BuildCacheSettings> = (value, at, wrong) => {
  const { keepStorage, ...set } = fieldsOf<Required<BuildCacheSettings> & { readonly keepStorage: number }>(
    value,
    {
      enabled: { key: "enabled", read: readFlag },
      reservedSpace: { key: "defaultReservedSpace", read: readSize },
      maxUsedSpace: { key: "defaultMaxUsedSpace", read: readSize },
      minFreeSpace: { key: "defaultMinFreeSpace", read: readSize },
      keepStorage: { key: "defaultKeepStorage", read: readSize },
    },
    { at, wrong },
  );
  // Docker's older name of it.
  return keepStorage === undefined ? set : { reservedSpace: keepStorage, ...set };
};

const readBuilder: Reader<BuilderSettings> = (value, at, wrong) =>
  fieldsOf<Required<BuilderSettings>>(value, { gc: { key: "gc", read: readCollection } }, { at, wrong });

const readRegistry: Reader<RegistrySettings> = (value, at, wrong) =>
  fieldsOf<Required<RegistrySettings>>(
    value,
    {
      blocked: { key: "blocked", read: readFlag },
      mirrors: { key: "mirrors", read: readMirrors },
      insecure: { key: "insecure", read: readFlag },
    },
    { at, wrong },
  );

const readRegistries: Reader<ReadonlyMap<string, RegistrySettings>> = (value, at, wrong) => {
  if (!isObject(value)) throw wrong(`${at}: not an object`);
  const entries = Object.entries(value).map(
    ([host, each]) => [hostOf(host), readRegistry(each, `${at}[${JSON.stringify(host)}]`, wrong)] as const,
  );
  return new Map(entries);
};

/** Docker Hub has two names. */
function hostOf(name: string): string {
  const host = serverName(name);
  return host === "index.docker.io" ? "docker.io" : host;
}

/** @throws in the words of Docker */
function insecureHost(entry: string, wrong: Wrong, warn: Warn): string {
  const [, scheme, rest = ""] = /^(.*?):\/\/(.*)$/.exec(entry) ?? [];
  const kind = scheme?.toLowerCase();
  if (kind !== undefined && kind !== "http" && kind !== "https")
    throw wrong(`insecure registry ${entry} should not contain '://'`);
  const host = kind === undefined ? entry : rest;
  const what = isNetwork(host) ? undefined : wrongServerName(host);
  if (what !== undefined) throw wrong(`insecure registry ${host} is not valid: ${what}`);
  if (kind !== undefined) {
    const removed = `'${kind}://' has been removed from the insecure registry config`;
    warn(`insecure registry ${entry} should not contain '${kind}://' and ${removed}`);
  }
  return serverName(host);
}

const readInsecure =
  (warn: Warn): Reader<readonly string[]> =>
  (value, key, wrong) =>
    readTexts(value, key, wrong).map((entry) => insecureHost(entry, (what) => wrong(`${key}: ${what}`), warn));

function settingsOf(value: unknown, wrong: Wrong, warn: Warn): Settings {
  const set = fieldsOf<Required<Settings>>(
    value,
    {
      cdiSpecDirs: { key: "cdi-spec-dirs", read: readTexts },
      registryMirrors: { key: "registry-mirrors", read: readMirrors },
      insecureRegistries: { key: "insecure-registries", read: readInsecure(warn) },
      maxConcurrentDownloads: { key: "max-concurrent-downloads", read: readCount },
      maxConcurrentUploads: { key: "max-concurrent-uploads", read: readCount },
      maxConcurrentRanges: { key: "max-concurrent-ranges", read: readCount },
      maxDownloadAttempts: { key: "max-download-attempts", read: readCount },
      stallTimeout: { key: "stall-timeout", read: readCount },
      keptBuildSteps: { key: "kept-build-steps", read: readNumber },
      proxies: { key: "proxies", read: readProxies },
      builder: { key: "builder", read: readBuilder },
      registries: { key: "registries", read: readRegistries },
    },
    { at: "", wrong },
  );
  return { ...defaultSettings, ...set };
}
