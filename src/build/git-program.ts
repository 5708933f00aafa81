import { mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path/posix";
import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { ExecError, exec } from "../host/exec.ts";
import type { Host } from "../host/host.ts";
import { readSettings } from "../host/settings.ts";
import { proxySettings } from "../registry/proxies.ts";
import type { GitReference } from "./git-reference.ts";
import { withoutCredentials } from "./redact.ts";
import { defaultAgent, listenAgent, type SshAgents } from "./ssh-agent.ts";

/** What git may use of what the user has given. */
export interface GitAccess {
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
  /** That for `default` is asked for keys; no other key of the user's is used. */
  readonly agents?: SshAgents;
}

/** The host's git for one repository, in a private place. Disposing ends the watch over the disk, and the agent. */
export interface Git extends AsyncDisposable {
  /** What git is told in place of the repository's address: the same, without credentials. */
  readonly remote: string;
  /**
   * Run a command of git's in a directory.
   *
   * @throws {BerthError} unavailable, with what git said; failed-precondition, without git, or where the disk fills up
   */
  run(directory: string, args: readonly string[], options?: GitRun): Promise<string>;
}

/** How a command of git's is run. */
export interface GitRun {
  /** Most bytes of output. */
  readonly maxOutput?: number;
}

/** Where it runs, and for what. */
export interface GitPlace extends GitAccess {
  readonly host: Pick<Host, "syscalls" | "runRoot">;
  readonly reference: Pick<GitReference, "remote" | "scheme">;
  /** An empty directory that belongs to this alone. */
  readonly directory: string;
  readonly signal: AbortSignal | undefined;
}

/** Bytes of git's output, errors included. */
const usualOutput = 16 << 20;

/** Milliseconds between looks at the disk: what a server sends has no size before it is there. */
const watchInterval = 200;

/**
 * Get git ready: it reads no configuration but its own, runs no hooks, asks nobody anything, and speaks with servers alone.
 *
 * Credentials are in a file that only its owner reads, and never in an argument, which every user of the machine sees.
 */
export async function openGit({ reference, directory, signal, host, ...access }: GitPlace): Promise<Git> {
  await using stack = new AsyncDisposableStack();
  const home = join(directory, "home");
  mkdirSync(home, { mode: 0o700 });
  const { remote, authorization } = partsOf(reference, access.secrets);
  writeFileSync(join(home, ".gitconfig"), configOf(remote, authorization), { mode: 0o600 });
  const agent = access.agents?.get(defaultAgent);
  const mine = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o600 };
  const socket = agent === undefined ? undefined : stack.use(await listenAgent(host, agent, mine));
  const env = envOf(home, socket?.path);
  const full = new AbortController();
  const watch = setInterval(() => {
    if (isFull(directory)) full.abort(noSpace(remote));
  }, watchInterval);
  stack.defer(() => clearInterval(watch));
  const stop = signal === undefined ? full.signal : AbortSignal.any([signal, full.signal]);
  const owned = stack.move();
  return {
    remote,
    run: async (cwd, args, { maxOutput = usualOutput } = {}) => {
      // Files are to be what the repository says, whatever the caller's umask is.
      const argv = ["/bin/sh", "-c", 'umask 022; exec git "$@"', "git", ...args] as const;
      try {
        return (await exec(argv, { cwd, env, signal: stop, maxOutput })).stdout;
      } catch (error) {
        throw error instanceof ExecError ? failed(error, remote) : error;
      }
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Remote {
  readonly remote: string;
  /** Value of the header. */
  readonly authorization: string | undefined;
}

function partsOf({ remote, scheme }: GitPlace["reference"], secrets: GitAccess["secrets"]): Remote {
  if (scheme !== "http" && scheme !== "https") return { remote, authorization: undefined };
  const url = new URL(remote);
  const { host, username, password } = url;
  const own =
    username === "" && password === ""
      ? undefined
      : basic(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  url.username = "";
  url.password = "";
  return { remote: url.href, authorization: secretOf(host, secrets) ?? own };
}

/** What secrets say of who asks: `GIT_AUTH_HEADER`, `GIT_AUTH_TOKEN`, first those of the host, as in BuildKit. */
function secretOf(host: string, secrets: GitAccess["secrets"]): string | undefined {
  for (const suffix of [`.${host}`, ""]) {
    const header = secrets?.get(`GIT_AUTH_HEADER${suffix}`);
    if (header !== undefined) return Buffer.from(header).toString().trim();
    const token = secrets?.get(`GIT_AUTH_TOKEN${suffix}`);
    if (token !== undefined) return basic(`x-access-token:${Buffer.from(token).toString().trim()}`);
  }
  return undefined;
}

function basic(who: string): string {
  return `Basic ${Buffer.from(who).toString("base64")}`;
}

/** A file rather than arguments, which any version of git reads. */
function configOf(remote: string, authorization: string | undefined): string {
  const scope = /^https:\/\/(www\.)?github\.com\//.exec(remote)?.[0] ?? remote;
  const header =
    authorization === undefined
      ? ""
      : `[http ${quoted(scope)}]\n\textraHeader = ${quoted(`Authorization: ${authorization}`)}\n`;
  return `[core]
\thooksPath = /dev/null
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tfsmonitor = false
\tautocrlf = false
\tlogAllRefUpdates = false
[init]
\tdefaultBranch = master
\ttemplateDir =
[credential]
\thelper =
[gc]
\tauto = 0
[maintenance]
\tauto = false
[advice]
\tdetachedHead = false
[fetch]
\trecurseSubmodules = false
[submodule]
\trecurse = false
[protocol]
\tallow = never
[protocol "https"]
\tallow = always
[protocol "http"]
\tallow = always
[protocol "ssh"]
\tallow = always
[protocol "git"]
\tallow = always
[http]
\tlowSpeedLimit = 1000
\tlowSpeedTime = 60
${header}`;
}

/** @throws {BerthError} invalid-argument, for what has line ends in it */
function quoted(text: string): string {
  if (/[\n\r\0]/.test(text)) throw new BerthError("invalid-argument", "a line end in an address or a secret for git");
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** Variables that git gets as they are: certificates that servers are known by. */
const passed = ["PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"];

function envOf(home: string, agent: string | undefined): Readonly<Record<string, string>> {
  const { httpProxy, httpsProxy, noProxy } = proxySettings(readSettings().proxies, process.env);
  const own = passed.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  // Keys of hosts that nobody knows yet are taken, and noted where nobody looks; a known host's has to be the known one.
  const ssh = [
    "ssh -F /dev/null -o BatchMode=yes -o IdentityFile=none -o ConnectTimeout=30 -o ServerAliveInterval=15",
    `-o StrictHostKeyChecking=accept-new -o 'UserKnownHostsFile=${home}/known_hosts ~/.ssh/known_hosts'`,
  ];
  return {
    ...Object.fromEntries(own),
    HOME: home,
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_SSH_COMMAND: ssh.join(" "),
    ...(httpProxy === undefined ? {} : { http_proxy: httpProxy }),
    ...(httpsProxy === undefined ? {} : { https_proxy: httpsProxy, HTTPS_PROXY: httpsProxy }),
    ...(noProxy === undefined ? {} : { no_proxy: noProxy, NO_PROXY: noProxy }),
    ...(agent === undefined ? {} : { SSH_AUTH_SOCK: agent }),
  };
}

function isFull(directory: string): boolean {
  const { bavail, bsize, files, ffree } = statfsSync(directory);
  // Some file systems make inodes as they go, and tell of none.
  return bavail * bsize < limits.freeBytes || (files !== 0 && ffree < limits.freeInodes);
}

function noSpace(remote: string): BerthError {
  return new BerthError("failed-precondition", `no space left on device: git was stopped at ${remote}`, {
    hint: "Make room, unless the repository is made to fill disks.",
  });
}

/** What the shell says of a program that isn't there. */
const notFound = 127;

function failed(error: ExecError, remote: string): BerthError {
  if (error.code === notFound)
    return new BerthError(
      "failed-precondition",
      'failed to find git binary: exec: "git": executable file not found in $PATH',
      { cause: error, hint: "Install it: `apt-get install git` in Debian and Ubuntu, `dnf install git` in Fedora." },
    );
  const said = withoutCredentials(error.stderr.trim());
  const message = `failed to fetch remote ${withoutCredentials(remote)}: git stderr:\n${said}\n: exit status ${error.code}`;
  return new BerthError("unavailable", message, { cause: error });
}
