import type { BuildOptions } from "../../build/build.ts";
import type { Ulimit } from "../../container/request.ts";
import type { Flag } from "../flags/flag.ts";
import { parseBytes, parseMemorySwap } from "../flags/go-values.ts";
import { integer, list, text, value } from "../flags/kinds.ts";
import { parseAddHost, parseSecurityOpt, parseUlimit } from "./values.ts";

/** Values of the flags of `build` that say what a `RUN` step runs with, by the flags' names. */
export interface StepValues {
  readonly "add-host": readonly string[];
  readonly "cgroup-parent": string | undefined;
  /** Microseconds. */
  readonly "cpu-period": number | undefined;
  /** Microseconds. */
  readonly "cpu-quota": number | undefined;
  readonly "cpu-shares": number | undefined;
  readonly "cpuset-cpus": string | undefined;
  readonly "cpuset-mems": string | undefined;
  /** Bytes. */
  readonly memory: number | undefined;
  /** Bytes, or -1. */
  readonly "memory-swap": number | undefined;
  readonly "security-opt": readonly string[];
  /** Bytes. */
  readonly "shm-size": number | undefined;
  readonly ulimit: readonly Ulimit[];
}

/** The flags of `build` that say what a `RUN` step runs with. */
export const stepFlags: { readonly [Name in keyof StepValues]: Flag<StepValues[Name]> } = {
  "add-host": list('Add a custom host-to-IP mapping (format: "host:ip")', { read: parseAddHost }),
  "cgroup-parent": value('Set the parent cgroup for the "RUN" instructions during build', checkParent),
  "cpu-period": integer("Limit the CPU CFS (Completely Fair Scheduler) period"),
  "cpu-quota": integer("Limit the CPU CFS (Completely Fair Scheduler) quota"),
  "cpu-shares": integer("CPU shares (relative weight)", { short: "c" }),
  "cpuset-cpus": text("CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": text("MEMs in which to allow execution (0-3, 0,1)"),
  memory: value("Memory limit", parseBytes, { short: "m", valueName: "bytes" }),
  "memory-swap": value("Swap limit equal to memory plus swap: -1 to enable unlimited swap", parseMemorySwap, {
    valueName: "bytes",
  }),
  "security-opt": list("Security options", { valueName: "strings", read: parseSecurityOpt }),
  "shm-size": value('Size of "/dev/shm"', parseBytes, { valueName: "bytes" }),
  ulimit: list("Ulimit options", { valueName: "ulimit", read: parseUlimit }),
};

/** A parent that leads out of the hierarchy, or through it by dots, names no cgroup. @throws {Error} */
function checkParent(given: string): string {
  if (!given.split("/").some((name) => name === ".." || name === ".")) return given;
  throw new Error("a cgroup is named without . and ..");
}

/** What these flags say of a build. */
export function stepOptions(values: StepValues): Pick<BuildOptions, "resources" | "settings" | "security"> {
  const { "add-host": extraHosts, "shm-size": shmSize, ulimit: ulimits, "cgroup-parent": cgroupParent } = values;
  const settings = {
    ...(extraHosts.length === 0 ? {} : { extraHosts }),
    ...(shmSize ? { shmSize } : {}),
    ...(ulimits.length === 0 ? {} : { ulimits }),
    ...(cgroupParent ? { cgroupParent } : {}),
  };
  return {
    resources: resourcesOf(values),
    security: securityOf(values["security-opt"]),
    // A step that is given nothing has the key that it always had.
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
  };
}

function securityOf(given: readonly string[]): NonNullable<BuildOptions["security"]> {
  return {
    ...(given.includes("seccomp=unconfined") ? { seccomp: "unconfined" } : {}),
    noNewPrivileges: given.findLast((option) => option.startsWith("no-new-privileges")) === "no-new-privileges",
  };
}

/** Zero means "no limit" in each of Docker's flags. */
function resourcesOf(values: StepValues): NonNullable<BuildOptions["resources"]> {
  const { memory, "memory-swap": memorySwap, "cpu-shares": cpuShares } = values;
  const { "cpu-period": cpuPeriod, "cpu-quota": cpuQuota } = values;
  const { "cpuset-cpus": cpusetCpus, "cpuset-mems": cpusetMems } = values;
  return {
    ...(memory ? { memory } : {}),
    ...(memorySwap ? { memorySwap } : {}),
    ...(cpuPeriod ? { cpuPeriod } : {}),
    ...(cpuQuota ? { cpuQuota } : {}),
    ...(cpuShares ? { cpuShares } : {}),
    ...(cpusetCpus ? { cpusetCpus } : {}),
    ...(cpusetMems ? { cpusetMems } : {}),
  };
}
