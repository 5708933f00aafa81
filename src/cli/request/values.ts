import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { Ulimit } from "../../container/request.ts";
import { parseInteger, quote } from "../flags/go-values.ts";
import { errorText } from "../print-error.ts";

/** Limits that `--ulimit` knows, as setrlimit(2) has them without `RLIMIT_`. */
const limits = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
  " ",
);

/** Read one `--ulimit`, `name=soft[:hard]`. @throws {Error} in the words of Docker's client */
export function parseUlimit(text: string): Ulimit {
  const equals = text.indexOf("=");
  if (equals < 0) throw new Error(`invalid ulimit argument: ${text}`);
  const name = text.slice(0, equals);
  if (!limits.includes(name)) throw new Error(`invalid ulimit type: ${name}`);
  const [soft = "", hard, ...more] = text.slice(equals + 1).split(":");
  if (more.length > 0) {
    throw new Error(
      `too many limit value arguments - ${text.slice(equals + 1)}, can only have up to two, \`soft[:hard]\``,
    );
  }
  const limit = { name, soft: parseInteger(soft), hard: parseInteger(hard ?? soft) };
  if (limit.hard !== -1 && (limit.soft === -1 || limit.soft > limit.hard)) {
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${limit.soft} > ${limit.hard}`);
  }
  return limit;
}

/** Read one `--add-host`, `name:address` or `name=address`, as `name:address`. @throws {Error} in the words of Docker's client */
export function parseAddHost(text: string): string {
  const [, name = "", address = ""] = /^([^:=]+)[:=](.+)$/.exec(text) ?? [];
  if (name === "") throw new Error(`bad format for add-host: ${quote(text)}`);
  const bare = address.replace(/^\[(.*)\]$/, "$1");
  if (bare !== "host-gateway" && isIP(bare) === 0) throw new Error(`invalid IP address in add-host: ${quote(address)}`);
  return `${name}:${bare}`;
}

/** Read one `--dns`. @throws {Error} in the words of Docker's client */
export function parseAddress(text: string): string {
  if (isIP(text) === 0) throw new Error(`IP address is not correctly formatted: ${text}`);
  return text;
}

/** Read one `-a`. @throws {Error} in the words of Docker's client */
export function parseStream(text: string): "stdin" | "stdout" | "stderr" {
  const name = text.toLowerCase();
  if (name === "stdin" || name === "stdout" || name === "stderr") return name;
  throw new Error("valid streams are STDIN, STDOUT and STDERR");
}

const namespacedSysctls = [
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
];

/** Read one `--sysctl`, `name=value`: only those that a namespace has of its own. @throws {Error} in the words of Docker's client */
export function parseSysctl(text: string): readonly [name: string, value: string] {
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(0, equals));
  const allowed = namespacedSysctls.includes(name) || name.startsWith("net.") || name.startsWith("fs.mqueue.");
  if (!allowed) throw new Error(`sysctl '${text}' is not allowed`);
  return [name, text.slice(equals + 1)];
}

/** Read one `--network`. @throws {Error} for what only Docker has */
export function parseNetwork(text: string): "bridge" | "host" | "none" {
  if (text === "default") return "bridge";
  if (text === "bridge" || text === "host" || text === "none") return text;
  throw new Error("berth has the networks bridge, host and none, and none of your own yet");
}

/**
 * Read one `--security-opt`; a seccomp profile is read from its file, and goes on as JSON.
 *
 * @throws {Error} in the words of Docker's client; for what berth doesn't have
 */
export function parseSecurityOpt(text: string): string {
  if (text === "disable") return "label=disable";
  const [, name = "", value = ""] = /^([^=:]+)(?:[=:](.*))?$/s.exec(text) ?? [];
  if (name === "no-new-privileges") return parseNoNewPrivileges(value);
  if (value === "") throw new Error(`Invalid --security-opt: ${quote(text)}`);
  if (name === "seccomp")
    return `seccomp=${value === "unconfined" || value === "builtin" ? value : readProfile(value)}`;
  if (name === "apparmor") return `apparmor=${value}`;
  // Containers have no SELinux label.
  if (name === "label" && value === "disable") return "label=disable";
  throw new Error("berth takes seccomp, apparmor, no-new-privileges and label=disable");
}

function parseNoNewPrivileges(value: string): string {
  if (value === "" || value === "true") return "no-new-privileges";
  if (value === "false") return "no-new-privileges=false";
  throw new Error(`invalid --security-opt 2: "no-new-privileges=${value}"`);
}

function readProfile(path: string): string {
  const text = readProfileFile(path);
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Error(`compacting json for seccomp profile (${path}) failed: ${error.message}`, { cause: error });
  }
}

function readProfileFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new Error(`opening seccomp profile (${path}) failed: ${errorText(error)}`, { cause: error });
  }
}
