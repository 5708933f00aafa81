import { release } from "node:os";
import type { CgroupLayout } from "../host/cgroup.ts";
import type { Device } from "../host/devices.ts";
import { maskedPaths, readonlyPaths } from "../oci/hidden-paths.ts";
import { hostPlatform } from "../oci/platform.ts";
import {
  type Capabilities,
  defaultShmSize,
  type RuntimeSpec,
  type SpecMount,
  type SpecUser,
} from "../oci/runtime-spec.ts";
import { dockerCapabilities } from "./capabilities.ts";
import { consoleSizeOf } from "./console-size.ts";
import { defaultSeccomp, type Seccomp } from "./seccomp.ts";
import { seccompProfile } from "./seccomp-profile.ts";
import { confinementOf, type Security } from "./security.ts";
import { rlimitsOf, type Ulimit } from "./ulimits.ts";
import type { WindowSize } from "./window-size.ts";

/** Limits of a container; what is absent isn't limited. */
export interface Resources {
  /** Bytes. */
  readonly memory?: number;
  /** Bytes of memory and swap together, twice the memory when absent; -1 for no limit. */
  readonly memorySwap?: number;
  /** Billionths of a CPU. */
  readonly nanoCpus?: number;
  /** Microseconds of a CPU's time in each period; zero and below is no limit. */
  readonly cpuQuota?: number;
  /** Microseconds; 100,000 when absent. */
  readonly cpuPeriod?: number;
  readonly cpuShares?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  /** Zero and below is no limit. */
  readonly pidsLimit?: number;
}

/** What {@link runtimeSpec} makes a specification of. */
export interface SpecInput {
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  readonly user: SpecUser;
  readonly terminal: boolean;
  /** The terminal's size at the start. */
  readonly windowSize?: WindowSize;
  readonly hostname: string;
  readonly readonlyRootfs?: boolean;
  /** In the order in which they are mounted; one at the place of a mount that every container has takes its place. */
  readonly mounts: readonly SpecMount[];
  /** A network namespace of its own, the host's, or the one at a path. */
  readonly network: "new" | "host" | { readonly path: string };
  /** The container's cgroup, from the hierarchy's root; it stays in the caller's when absent. */
  readonly cgroupsPath?: string;
  readonly resources: Resources;
  readonly capAdd?: readonly string[];
  readonly capDrop?: readonly string[];
  /** Every capability, nothing masked, no seccomp filter, and what devices the machine has; unprivileged when absent. */
  readonly privileged?: { readonly devices: readonly Device[] };
  readonly security?: Security;
  readonly ulimits?: readonly Ulimit[];
  /** Bytes of /dev/shm; 64 MiB when absent. */
  readonly shmSize?: number;
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly cgroup: CgroupLayout;
  /** How many user and group IDs there are, from 0 on, where berth isn't root of the machine; all of them when absent. */
  readonly ids?: number;
}

/**
 * The specification of a container that is as isolated as Docker's are. Its root is the `rootfs` of its bundle.
 *
 * @throws {BerthError} invalid-argument, for an unknown capability
 * @see runtime-spec v1.1
 */
export function runtimeSpec(input: SpecInput): RuntimeSpec {
  const { user, readonlyRootfs = false, capAdd = [], capDrop = [] } = input;
  const privileged = input.privileged !== undefined;
  const capabilities = dockerCapabilities({ add: capAdd, drop: capDrop, privileged, uid: user.uid });
  const seccomp = seccompOf(input, capabilities.bounding);
  return {
    ociVersion: "1.0.2",
    process: processOf(input, capabilities),
    root: { path: "rootfs", readonly: readonlyRootfs },
    hostname: input.hostname,
    mounts: mountsOf(input),
    linux: {
      namespaces: namespacesOf(input),
      ...(input.cgroupsPath === undefined ? {} : { cgroupsPath: input.cgroupsPath }),
      resources: { devices: privileged ? everyDevice : defaultDevices, ...limitsOf(input.resources) },
      sysctl: { ...(input.network === "new" ? networkSysctls(input.ids) : {}), ...input.sysctls },
      ...(seccomp === undefined ? {} : { seccomp }),
      ...(input.privileged === undefined
        ? { maskedPaths, readonlyPaths }
        : { devices: input.privileged.devices.map(deviceNode) }),
      ...propagationOf(input.mounts),
    },
  };
}

/** A profile of the user's own holds for a privileged container as well, as in Docker. */
function seccompOf({ security, privileged }: SpecInput, capabilities: readonly string[]): Seccomp | undefined {
  const { seccomp = "builtin" } = security ?? {};
  const { architecture } = hostPlatform;
  if (seccomp === "unconfined") return undefined;
  if (seccomp !== "builtin") return seccompProfile(seccomp, { capabilities, architecture, kernel: release() });
  return privileged === undefined ? defaultSeccomp(capabilities, architecture) : undefined;
}

function processOf(input: SpecInput, capabilities: Capabilities): RuntimeSpec["process"] {
  const { terminal, user, args, env, cwd, security = {}, ulimits = [], ids } = input;
  const { uid, gid, additionalGids = [] } = user;
  return {
    terminal,
    ...(terminal ? consoleSizeOf(input.windowSize) : {}),
    user: { uid, gid, additionalGids: ids === 1 ? [] : additionalGids },
    args,
    env,
    cwd,
    capabilities,
    rlimits: ulimits.length === 0 ? [] : rlimitsOf(ulimits),
    ...confinementOf(security),
    // Lower than that of the caller only root may set it.
    ...(ids === undefined ? { oomScoreAdj: 0 } : {}),
  };
}

function namespacesOf({ network, cgroup }: SpecInput): RuntimeSpec["linux"]["namespaces"] {
  const types = ["pid", "mount", "ipc", "uts", ...(cgroup.version === 2 ? ["cgroup"] : [])];
  const own = types.map((type) => ({ type }));
  if (network === "host") return own;
  return [...own, network === "new" ? { type: "network" } : { type: "network", path: network.path }];
}

function mountsOf({
  mounts,
  privileged,
  shmSize = defaultShmSize,
  ids = highestGroup,
}: SpecInput): readonly SpecMount[] {
  const access = privileged === undefined ? ["ro"] : [];
  const safe = ["nosuid", "noexec", "nodev"];
  const devpts = [
    "nosuid",
    "noexec",
    "newinstance",
    "ptmxmode=0666",
    "mode=0620",
    ...(ids > ttyGroup ? [`gid=${ttyGroup}`] : []),
  ];
  const own: readonly SpecMount[] = [
    { destination: "/proc", type: "proc", source: "proc", options: safe },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: devpts },
    { destination: "/sys", type: "sysfs", source: "sysfs", options: [...safe, ...access] },
    { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [...access, ...safe] },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: safe },
    { destination: "/dev/shm", type: "tmpfs", source: "shm", options: [...safe, "mode=1777", `size=${shmSize}`] },
  ];
  const taken = new Set(mounts.map(({ destination }) => destination));
  const kept = own.filter(
    ({ destination }) => !taken.has(destination) && !(taken.has("/dev") && destination.startsWith("/dev/")),
  );
  return [...kept, ...mounts];
}

/** Mounts pass on between host and container only when the container's root lets them. */
function propagationOf(mounts: readonly SpecMount[]): { readonly rootfsPropagation?: string } {
  const has = (...names: readonly string[]): boolean =>
    mounts.some(({ options }) => options.some((option) => names.includes(option)));
  if (has("shared", "rshared")) return { rootfsPropagation: "shared" };
  return has("slave", "rslave") ? { rootfsPropagation: "rslave" } : {};
}

/** Microseconds; quotas are per period. @see sched-bwc in the kernel's documentation */
const usualPeriod = 100_000;

function limitsOf(resources: Resources): object {
  const { memory = 0, nanoCpus = 0, cpuShares = 0, cpusetCpus = "", cpusetMems = "", pidsLimit = 0 } = resources;
  const { memorySwap = memory * 2, cpuPeriod = 0, cpuQuota = 0 } = resources;
  const limits = {
    memory: {
      ...(memory > 0 ? { limit: memory } : {}),
      ...(memorySwap > 0 ? { swap: memorySwap } : {}),
    },
    cpu: {
      ...(cpuShares > 0 ? { shares: cpuShares } : {}),
      ...(cpuPeriod > 0 ? { period: cpuPeriod } : {}),
      ...(cpuQuota > 0 ? { quota: cpuQuota } : {}),
      ...(nanoCpus > 0 ? { period: usualPeriod, quota: Math.trunc((nanoCpus * usualPeriod) / 1e9) } : {}),
      ...(cpusetCpus === "" ? {} : { cpus: cpusetCpus }),
      ...(cpusetMems === "" ? {} : { mems: cpusetMems }),
    },
    pids: pidsLimit > 0 ? { limit: pidsLimit } : {},
  };
  return Object.fromEntries(Object.entries(limits).filter(([, limit]) => Object.keys(limit).length > 0));
}

/** The controllers of cgroup v2 that limits need. */
export function controllersFor(resources: Resources): readonly string[] {
  const { memory, memorySwap, nanoCpus, cpuQuota, cpuPeriod, cpuShares, cpusetCpus, cpusetMems, pidsLimit } = resources;
  const limits: Readonly<Record<string, readonly (number | string | undefined)[]>> = {
    cpu: [nanoCpus, cpuQuota, cpuPeriod, cpuShares],
    cpuset: [cpusetCpus, cpusetMems],
    memory: [memory, memorySwap],
    pids: [pidsLimit],
  };
  return Object.keys(limits).filter((name) => limits[name]?.some((limit) => limit !== undefined));
}

const characterDevice = (allow: boolean, major: number, minor: number): object => ({
  allow,
  type: "c",
  major,
  minor,
  access: "rwm",
});

/** Nothing but zero, null, urandom, random, tty and console; the runtime adds terminals, and that any node may be made. */
const defaultDevices: readonly object[] = [
  { allow: false, access: "rwm" },
  characterDevice(true, 1, 5),
  characterDevice(true, 1, 3),
  characterDevice(true, 1, 9),
  characterDevice(true, 1, 8),
  characterDevice(true, 5, 0),
  characterDevice(true, 5, 1),
  // /dev/fuse
  characterDevice(false, 10, 229),
];

/** @see runtime-spec v1.1 config-linux.md#devices */
function deviceNode({ mode, ...device }: Device): object {
  return { ...device, fileMode: mode };
}

const everyDevice: readonly object[] = [{ allow: true, access: "rwm" }];

/** Without capabilities, everybody may ping and listen on ports below 1024. */
function networkSysctls(ids: number = highestGroup + 1): Readonly<Record<string, string>> {
  return {
    "net.ipv4.ping_group_range": `0 ${ids - 1}`,
    "net.ipv4.ip_unprivileged_port_start": "0",
  };
}

/** The highest that the kernel takes in a range. */
const highestGroup = 2147483647;

/** Whose terminals are. */
const ttyGroup = 5;
