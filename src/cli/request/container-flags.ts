import type { ContainerRequest, Ulimit } from "../../container/request.ts";
import { contentTrust } from "../flags/content-trust.ts";
import type { Flag } from "../flags/flag.ts";
import { parseBytes, parseCpus, parseMemorySwap } from "../flags/go-values.ts";
import { bool, integer, list, text, value } from "../flags/kinds.ts";
import { notYet } from "../flags/not-yet.ts";
import { checkEnv } from "./environment.ts";
import { type MountFlag, parseMount } from "./mount.ts";
import {
  parseAddHost,
  parseAddress,
  parseNetwork,
  parseSecurityOpt,
  parseStream,
  parseSysctl,
  parseUlimit,
} from "./values.ts";

/** When an image is pulled before a container is made of it. */
export type PullPolicy = "always" | "missing" | "never";

/** @throws {Error} for what is no policy */
function parsePull(policy: string): PullPolicy {
  if (policy === "always" || policy === "missing" || policy === "never") return policy;
  throw new Error(`invalid pull option: '${policy}': must be one of "always", "missing" or "never"`);
}

/** `--restart no` is what berth does anyway. @throws {Error} otherwise */
function parseRestart(policy: string): string {
  if (policy === "no" || policy === "") return "no";
  throw new Error("berth doesn't restart containers yet");
}

/** Values of the flags that `run` and `create` share, by the flags' names. */
export interface ContainerValues {
  readonly "add-host": readonly string[];
  readonly attach: readonly ("stdin" | "stdout" | "stderr")[];
  readonly "cap-add": readonly string[];
  readonly "cap-drop": readonly string[];
  readonly cidfile: string | undefined;
  readonly "cpu-shares": number | undefined;
  /** Billionths of a CPU. */
  readonly cpus: number | undefined;
  readonly "cpuset-cpus": string | undefined;
  readonly "cpuset-mems": string | undefined;
  readonly "disable-content-trust": boolean | undefined;
  readonly dns: readonly string[];
  readonly entrypoint: string | undefined;
  readonly env: readonly string[];
  readonly "env-file": readonly string[];
  readonly "group-add": readonly string[];
  readonly hostname: string | undefined;
  readonly interactive: boolean;
  readonly label: readonly string[];
  readonly "label-file": readonly string[];
  readonly lazy: boolean;
  /** Bytes. */
  readonly memory: number | undefined;
  /** Bytes, or -1. */
  readonly "memory-swap": number | undefined;
  readonly mount: readonly MountFlag[];
  readonly name: string | undefined;
  readonly network: NetworkMode | undefined;
  readonly net: NetworkMode | undefined;
  readonly "pids-limit": number | undefined;
  readonly platform: string | undefined;
  readonly privileged: boolean;
  readonly pull: PullPolicy | undefined;
  readonly quiet: boolean;
  readonly "read-only": boolean;
  readonly restart: string | undefined;
  readonly rm: boolean;
  readonly "security-opt": readonly string[];
  /** Bytes. */
  readonly "shm-size": number | undefined;
  readonly "stop-signal": string | undefined;
  /** Seconds. */
  readonly "stop-timeout": number | undefined;
  readonly sysctl: readonly (readonly [name: string, value: string])[];
  readonly tmpfs: readonly string[];
  readonly tty: boolean;
  readonly ulimit: readonly Ulimit[];
  readonly user: string | undefined;
  readonly volume: readonly string[];
  readonly workdir: string | undefined;
}

type NetworkMode = ContainerRequest["network"];

/** The flags of `create`, which `run` has too. */
export const containerFlags: { readonly [Name in keyof ContainerValues]: Flag<ContainerValues[Name]> } = {
  "add-host": list("Add a custom host-to-IP mapping (host:ip)", { read: parseAddHost }),
  attach: list("Attach to STDIN, STDOUT or STDERR", { short: "a", read: parseStream }),
  "cap-add": list("Add Linux capabilities"),
  "cap-drop": list("Drop Linux capabilities"),
  cidfile: text("Write the container ID to the file"),
  "cpu-shares": integer("CPU shares (relative weight)", { short: "c" }),
  cpus: value("Number of CPUs", parseCpus, { valueName: "decimal" }),
  "cpuset-cpus": text("CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": text("MEMs in which to allow execution (0-3, 0,1)"),
  "disable-content-trust": contentTrust("Skip image verification"),
  dns: list("Set custom DNS servers", { read: parseAddress }),
  entrypoint: text("Overwrite the default ENTRYPOINT of the image"),
  env: list("Set environment variables", { short: "e", read: checkEnv }),
  "env-file": list("Read in a file of environment variables"),
  "group-add": list("Add additional groups to join"),
  hostname: text("Container host name", { short: "h" }),
  interactive: bool("Keep STDIN open even if not attached", { short: "i" }),
  label: list("Set meta data on a container", { short: "l" }),
  "label-file": list("Read in a line delimited file of labels"),
  lazy: bool("Start before the image is here as a whole, where it is eStargz or zstd:chunked"),
  memory: value("Memory limit", parseBytes, { short: "m", valueName: "bytes" }),
  "memory-swap": value("Swap limit equal to memory plus swap: '-1' to enable unlimited swap", parseMemorySwap, {
    valueName: "bytes",
  }),
  mount: list<MountFlag>("Attach a filesystem mount to the container", {
    valueName: "mount",
    read: (given) => parseMount(given, process.cwd()),
  }),
  name: text("Assign a name to the container"),
  network: value("Connect a container to a network", parseNetwork, { valueName: "network" }),
  net: value("Connect a container to a network", parseNetwork, { valueName: "network", hidden: true }),
  "pids-limit": integer("Tune container pids limit (set -1 for unlimited)"),
  platform: text("Set platform if the image has several"),
  privileged: bool("Give extended privileges to this container"),
  pull: value('Pull image before running ("always", "missing", "never")', parsePull, { shownDefault: '"missing"' }),
  quiet: bool("Suppress the pull output", { short: "q" }),
  "read-only": bool("Mount the container's root filesystem as read only"),
  restart: value("Restart policy to apply when a container exits", parseRestart, { shownDefault: '"no"' }),
  rm: bool("Automatically remove the container and its associated anonymous volumes when it exits"),
  "security-opt": list("Security Options", { read: parseSecurityOpt }),
  "shm-size": value("Size of /dev/shm", parseBytes, { valueName: "bytes" }),
  "stop-signal": text("Signal to stop the container"),
  "stop-timeout": integer("Timeout (in seconds) to stop a container"),
  sysctl: list("Sysctl options", { valueName: "map", read: parseSysctl }),
  tmpfs: list("Mount a tmpfs directory"),
  tty: bool("Allocate a pseudo-TTY", { short: "t" }),
  ulimit: list("Ulimit options", { valueName: "ulimit", read: parseUlimit }),
  user: text("Username or UID (format: <name|uid>[:<group|gid>])", { short: "u" }),
  volume: list("Bind mount a volume", { short: "v" }),
  workdir: text("Working directory inside the container", { short: "w" }),
};

/** Flags that Docker's `run` and `create` have and berth's have not. */
export const missingContainerFlags: Readonly<Record<string, Flag<undefined>>> = notYet({
  withValue: [
    ..."annotation blkio-weight blkio-weight-device cgroup-parent cgroupns cpu-period cpu-quota cpu-rt-period".split(
      " ",
    ),
    ..."cpu-rt-runtime device device-cgroup-rule device-read-bps device-read-iops device-write-bps".split(" "),
    ..."device-write-iops dns-option dns-search domainname expose gpus health-cmd health-interval".split(" "),
    ..."health-retries health-start-interval health-start-period health-timeout ip ip6 ipc isolation link".split(" "),
    ..."link-local-ip log-driver log-opt mac-address memory-reservation memory-swappiness network-alias".split(" "),
    ..."oom-score-adj pid publish/p runtime storage-opt userns uts volume-driver volumes-from".split(" "),
  ],
  alone: ["init", "no-healthcheck", "oom-kill-disable", "publish-all/P", "use-api-socket"],
});
