import { messageOf } from "../../base/errors.ts";
import type { BuildOptions } from "../../build/build.ts";
import { stepSecurity } from "../../build/step-settings.ts";
import type { Ulimit } from "../../container/request.ts";
import type { Flag } from "../flags/flag.ts";
import { parseBytes, parseMemorySwap } from "../flags/go-values.ts";
import { integer, list, readLate, text, value } from "../flags/kinds.ts";
import { parseAddHost, parseSecurityOpt, parseUlimit } from "./values.ts";

/** What limits a step, by the flags' names. Zero means "no limit" in each of them. */
interface LimitValues {
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
}

/** Values of the flags of `build` that say what a `RUN` step runs with, by the flags' names. */
export interface StepValues extends LimitValues {
  readonly "add-host": readonly string[];
  readonly "cgroup-parent": string | undefined;
  readonly resource: readonly Partial<LimitValues>[];
  readonly "security-opt": readonly string[];
  /** Bytes. */
  readonly "shm-size": number | undefined;
  readonly ulimit: readonly Ulimit[];
}

const limitFlags: { readonly [Name in keyof LimitValues]: Flag<LimitValues[Name]> } = {
  "cpu-period": integer("Limit the CPU CFS (Completely Fair Scheduler) period"),
  "cpu-quota": integer("Limit the CPU CFS (Completely Fair Scheduler) quota"),
  "cpu-shares": integer("CPU shares (relative weight)", { short: "c" }),
  "cpuset-cpus": text("CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": text("MEMs in which to allow execution (0-3, 0,1)"),
  memory: value("Memory limit", parseBytes, { short: "m", valueName: "bytes" }),
  "memory-swap": value("Swap limit equal to memory plus swap: -1 to enable unlimited swap", parseMemorySwap, {
    valueName: "bytes",
  }),
};

/** The flags of `build` that say what a `RUN` step runs with. */
export const stepFlags: { readonly [Name in keyof StepValues]: Flag<StepValues[Name]> } = {
  ...limitFlags,
  "add-host": readLate(list('Add a custom host-to-IP mapping (format: "host:ip")', { read: parseAddHost })),
  "cgroup-parent": value('Set the parent cgroup for the "RUN" instructions during build', checkParent),
  resource: list('Resource limits for build containers (format: "memory=2g", "cpu-quota=50000")', {
    valueName: "stringArray",
    read: parseResource,
  }),
  "security-opt": list("Security options", { valueName: "strings", read: parseSecurityOpt }),
  "shm-size": value('Size of "/dev/shm"', parseBytes, { valueName: "bytes" }),
  ulimit: list("Ulimit options", { valueName: "ulimit", read: parseUlimit }),
};

/** One limit as buildx writes it, `memory=2g`: what the flag of its name takes. @throws {Error} in buildx's words */
function parseResource(given: string): Partial<LimitValues> {
  const equals = given.indexOf("=");
  if (equals < 0) throw new Error(`invalid resource ${JSON.stringify(given)}, expected key=value`);
  const name = given.slice(0, equals).trim();
  const limit = given.slice(equals + 1).trim();
  const flag = Object.entries(limitFlags).find(([each]) => each === name)?.[1];
  if (flag === undefined) throw new Error(`unknown resource ${JSON.stringify(name)}`);
  try {
    return { [name]: flag.read(limit, undefined) };
  } catch (error) {
    const message = `invalid value ${JSON.stringify(limit)} for resource ${name}: ${messageOf(error)}`;
    throw new Error(message, { cause: error });
  }
}

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
    resources: resourcesOf(Object.assign({ ...values }, ...values.resource)),
    security: stepSecurity(values["security-opt"]),
    // A step that is given nothing has the key that it always had.
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
  };
}

function resourcesOf(values: LimitValues): NonNullable<BuildOptions["resources"]> {
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
