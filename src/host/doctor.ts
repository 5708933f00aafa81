import { readFile } from "node:fs/promises";
import { release } from "node:os";
import { BerthError, codeOf } from "../base/errors.ts";
import { exec } from "./exec.ts";
import { freeBytes } from "./free-bytes.ts";
import type { Host } from "./host.ts";
import { lackOfIds, lackOfNamespace, ownIds } from "./user-namespaces.ts";

/** One line of `berth doctor`. */
export interface Finding {
  readonly name: string;
  readonly value: string;
  /** `missing` is something that berth needs, `warning` something that some commands need. */
  readonly status: "ok" | "missing" | "warning";
  /** The exact command that mends it. */
  readonly remedy?: string;
}

interface Program {
  readonly name: string;
  /** Debian's package. */
  readonly package: string;
  readonly version: readonly string[];
  readonly needed: boolean;
}

const programs: readonly Program[] = [
  { name: "crun", package: "crun", version: ["--version"], needed: true },
  { name: "conmon", package: "conmon", version: ["--version"], needed: true },
  { name: "unshare", package: "util-linux", version: ["--version"], needed: true },
  { name: "mount", package: "mount", version: ["--version"], needed: true },
  { name: "flock", package: "util-linux", version: ["--version"], needed: true },
  { name: "ip", package: "iproute2", version: ["-V"], needed: true },
  { name: "nft", package: "nftables", version: ["--version"], needed: true },
  { name: "runc", package: "runc", version: ["--version"], needed: false },
  { name: "xz", package: "xz-utils", version: ["--version"], needed: false },
];

/** Whoever isn't root builds, and needs none of these but for `RUN`. */
const rootlessPrograms: readonly Program[] = [
  ...programs
    .filter(({ name }) => ["crun", "unshare", "mount", "xz"].includes(name))
    .map((each) => ({ ...each, needed: false })),
];

const neededControllers = ["cpu", "cpuset", "memory", "pids"];
const gibibyte = 2 ** 30;

/** Look at what this machine offers, in the order that `berth doctor` prints. */
export async function examine(host: Host): Promise<readonly Finding[]> {
  return [
    { name: "kernel", value: release(), status: "ok" },
    { name: "node", value: process.version, status: "ok" },
    ...(host.rootless
      ? await withoutRoot()
      : [cgroups(host), controllers(host), await overlay(), await userNamespaces()]),
    ...(await Promise.all((host.rootless ? rootlessPrograms : programs).map(program))),
    store(host),
    { name: "run state", value: host.runRoot, status: "ok" },
  ];
}

/** What `RUN` needs where berth isn't root of the machine; everything else in a build works without. */
async function withoutRoot(): Promise<readonly Finding[]> {
  const lack = await lackOfNamespace();
  // Without a namespace there is nothing that they could be mapped into.
  const ids = lack === undefined ? lackOfIds() : undefined;
  const forRun = "RUN won't work";
  return [
    lack === undefined
      ? { name: "user namespace", value: "yes", status: "ok" }
      : { name: "user namespace", value: `no (${forRun}: ${lack.what})`, status: "warning", remedy: lack.remedy },
    ids === undefined
      ? { name: "subordinate IDs", value: lack === undefined ? `${ownIds() - 1}` : "not looked at", status: "ok" }
      : { name: "subordinate IDs", value: `none (${ids.what})`, status: "warning", remedy: ids.remedy },
    overlayForUsers(await overlay()),
    { name: "networks", value: "none and host", status: "ok" },
  ];
}

/** Since this version the kernel lets root of a user namespace mount an overlay. */
const overlayForUsersSince = [5, 11] as const;

function overlayForUsers(found: Finding): Finding {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const [since, minorSince] = overlayForUsersSince;
  if (found.status !== "ok" || major > since || (major === since && minor >= minorSince)) return found;
  const value = `not for users: Linux ${since}.${minorSince} is the first that lets them`;
  return { name: found.name, value, status: "warning" };
}

function cgroups({ cgroup }: Host): Finding {
  return { name: "cgroups", value: `v${cgroup.version}${cgroup.hybrid ? " (hybrid)" : ""}`, status: "ok" };
}

function controllers({ cgroup }: Host): Finding {
  const missing = neededControllers.filter((name) => !cgroup.controllers.includes(name));
  const value = cgroup.controllers.join(" ");
  if (missing.length === 0) return { name: "controllers", value, status: "ok" };
  return { name: "controllers", value: `${value} (without ${missing.join(", ")})`, status: "warning" };
}

async function overlay(): Promise<Finding> {
  const known = (await readFile("/proc/filesystems", "utf8")).includes("\toverlay\n");
  // The first mount brings in the module.
  if (known || (await hasModule("overlay"))) return { name: "overlay", value: "yes", status: "ok" };
  return { name: "overlay", value: "no", status: "missing", remedy: "modprobe overlay" };
}

/** Whether the kernel's modules, loaded or not, have one of that name. @see modules.dep(5) */
async function hasModule(name: string): Promise<boolean> {
  try {
    const modules = await readFile(`/lib/modules/${release()}/modules.dep`, "utf8");
    return new RegExp(`^[^:]*/${name}\\.ko[.a-z0-9]*:`, "m").test(modules);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return false;
  }
}

async function userNamespaces(): Promise<Finding> {
  try {
    const most = Number(await readFile("/proc/sys/user/max_user_namespaces", "utf8"));
    if (most > 0) return { name: "user namespaces", value: `up to ${most}`, status: "ok" };
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  const remedy = "sysctl -w user.max_user_namespaces=15000";
  return { name: "user namespaces", value: "no", status: "warning", remedy };
}

async function program({ name, package: debian, version, needed }: Program): Promise<Finding> {
  try {
    const { stdout, stderr } = await exec([name, ...version]);
    const found = /\d+\.\d+(?:\.\d+)*|iproute2-[\d.]+/.exec(stdout || stderr)?.[0] ?? "found";
    return { name, value: found, status: "ok" };
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    const remedy = `apt-get install -y ${debian}`;
    return { name, value: "not found", status: needed ? "missing" : "warning", remedy };
  }
}

function store({ root }: Host): Finding {
  return { name: "store", value: `${root} (${(freeBytes(root) / gibibyte).toFixed(1)} GiB free)`, status: "ok" };
}
