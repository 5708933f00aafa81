import { realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isRemote } from "../../bake/definition/paths.ts";
import type { ReadyTarget } from "../../bake/definition/targets.ts";
import { CliError } from "../cli-error.ts";
import { parseBool } from "../flags/go-values.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** What `--allow` grants. */
export interface Allowed {
  readonly hostNetwork: boolean;
  readonly insecure: boolean;
  /** By the names that targets ask for them; `*` for all. */
  readonly devices: readonly string[];
  readonly ssh: boolean;
  /** Directories that may be read; those of the working directory may always. */
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** What is known and berth has nothing for. */
const missingKeys: ReadonlySet<string> = new Set(["image", "image.push", "image.load", "buildx.local.delete"]);

const knownKeys: ReadonlySet<string> = new Set([
  "network.host",
  "security.insecure",
  "ssh",
  "device",
  "fs",
  "fs.read",
  "fs.write",
]);

/** Read `--allow`. @throws {CliError} in buildx's words */
export function parseAllowed(given: readonly string[]): Allowed {
  const pairs = given.map((text) => {
    const [, key = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(text) ?? [];
    if (missingKeys.has(key)) throw new CliError(`ERROR: berth has no ${key} yet`);
    if (!knownKeys.has(key)) throw new CliError(`ERROR: unknown entitlement key ${JSON.stringify(key)}`);
    return { key, value };
  });
  const valuesOf = (...keys: readonly string[]): readonly string[] =>
    pairs.flatMap(({ key, value }) => (keys.includes(key) ? value : []));
  return {
    hostNetwork: valuesOf("network.host").length > 0,
    insecure: valuesOf("security.insecure").length > 0,
    ssh: valuesOf("ssh").length > 0,
    devices: valuesOf("device").map((device) => (device === "" ? "*" : nameOf(device))),
    read: [".", ...valuesOf("fs", "fs.read")],
    write: [".", ...valuesOf("fs", "fs.write")],
  };
}

/** A device without what is said of it: `vendor/class=name,alias=other`. */
function nameOf(device: string): string {
  return device.split(",")[0] ?? "";
}

/**
 * Refuse targets that need more than was granted: a definition may have come with somebody else's repository.
 *
 * @throws {CliError} in buildx's words
 */
export function checkPrivileges(targets: Iterable<ReadyTarget>, allowed: Allowed, io: Terminal): void {
  const missing = new Map<string, string>();
  const all = [...targets];
  const asked = new Set(all.flatMap(({ entitlements = [] }) => entitlements));
  if (!allowed.hostNetwork && asked.has("network.host"))
    missing.set("network.host", "Running build containers that can access host network");
  if (!allowed.insecure && asked.has("security.insecure"))
    missing.set("security.insecure", "Running privileged containers that can make system changes");
  for (const device of [...asked].flatMap(deviceIn)) {
    if (allowed.devices.includes("*") || allowed.devices.includes(device)) continue;
    if (device === "*") missing.set("device", "Access to CDI devices");
    else missing.set(`device=${device}`, `Access to device ${device}`);
  }
  if (checksFiles(io)) addFiles(missing, all, allowed, io.cwd);
  if (missing.size === 0) return;
  const flags = [...missing.keys()].map((key) => `--allow=${key}`).join(" ");
  const lines = [
    "Your build is requesting privileges for following possibly insecure capabilities:",
    "",
    ...[...missing.values()].map((text) => ` - ${text}`),
    "",
    `Pass ${JSON.stringify(flags)} to grant requested privileges.`,
    "",
    "ERROR: additional privileges requested",
  ];
  throw new CliError(lines.join("\n"));
}

function deviceIn(entitlement: string): readonly string[] {
  if (entitlement === "device") return ["*"];
  return entitlement.startsWith("device=") ? [nameOf(entitlement.slice("device=".length))] : [];
}

function checksFiles({ env }: Terminal): boolean {
  const given = env["BUILDX_BAKE_ENTITLEMENTS_FS"];
  if (given === undefined) return true;
  try {
    return parseBool(given);
  } catch (error) {
    throw new CliError(`ERROR: failed to parse BUILDX_BAKE_ENTITLEMENTS_FS value ${JSON.stringify(given)}`, {
      cause: error,
    });
  }
}

function addFiles(
  missing: Map<string, string>,
  targets: readonly ReadyTarget[],
  { read, write, ssh }: Allowed,
  cwd: string,
): void {
  if (!ssh && targets.some((target) => target.ssh?.some(({ paths = [] }) => paths.length === 0) === true))
    missing.set("ssh", "Forwarding default SSH agent socket");
  for (const path of outside(targets.flatMap(readPaths), read, cwd))
    missing.set(`fs.read=${path}`, `Read access to path ${path}`);
  for (const path of outside(targets.flatMap(writtenPaths), write, cwd))
    missing.set(`fs.write=${path}`, `Write access to path ${path}`);
}

function readPaths(target: ReadyTarget): readonly string[] {
  const contexts = [target.context, ...Object.values(target.contexts ?? {})];
  const local = contexts
    .filter((path) => !isRemote(path) && !/^(target:|docker-image:)/.test(path))
    .map((path) => path.replace(/^cwd:\/\//, "").replace(/^oci-layout:\/\/([^:@]*).*$/s, "$1"));
  return [
    ...local,
    ...(target.dockerfile.startsWith("/") ? [target.dockerfile] : []),
    ...(target.secret ?? []).flatMap(({ src }) => src ?? []),
    ...(target.ssh ?? []).flatMap(({ paths = [] }) => paths),
    ...(target["cache-from"] ?? []).flatMap(({ type, src }) => (type === "local" ? (src ?? []) : [])),
  ];
}

function writtenPaths(target: ReadyTarget): readonly string[] {
  const outputs = (target.output ?? []).flatMap(({ dest }) => (dest === undefined || dest === "-" ? [] : dest));
  const caches = (target["cache-to"] ?? []).flatMap(({ type, dest }) => (type === "local" ? (dest ?? []) : []));
  return [...outputs, ...caches];
}

/** Those of `paths` that lie in none of the granted directories, links followed. */
function outside(paths: readonly string[], granted: readonly string[], cwd: string): ReadonlySet<string> {
  if (granted.includes("*")) return new Set();
  const roots = granted.map((path) => realPath(resolve(cwd, path)));
  const real = paths.map((path) => realPath(resolve(cwd, path)));
  return new Set(
    real.filter((path) => !roots.some((root) => path === root || root === "/" || path.startsWith(`${root}/`))),
  );
}

/** Where a path leads; of one that isn't there, where the part leads that is. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : `${realPath(parent).replace(/\/$/, "")}/${path.slice(path.lastIndexOf("/") + 1)}`;
  }
}
