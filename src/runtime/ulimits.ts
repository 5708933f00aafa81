import { readFileSync } from "node:fs";
import { isCapable } from "../host/capabilities.ts";
import type { Rlimit } from "../oci/runtime-spec.ts";

/** One `--ulimit`: `name` as `nofile`; -1 is no limit. */
export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** How high this process can set the limits of others. */
export interface LimitCeiling {
  /** True when it holds CAP_SYS_RESOURCE, and so may set any. */
  readonly unbounded: boolean;
  /** Its hard limits by name; one that is absent or -1 is none. */
  readonly hard: Readonly<Record<string, number>>;
}

/**
 * Resource limits for a process. Where one is above what can be set, the highest that can be had is taken: a container
 * that starts with less is worth more than one that doesn't start.
 *
 * @see setrlimit(2)
 */
export function rlimitsOf(ulimits: readonly Ulimit[], ceiling: LimitCeiling = ownCeiling()): readonly Rlimit[] {
  return ulimits.map(({ name, soft, hard }) => {
    const most = ceiling.unbounded ? -1 : (ceiling.hard[name] ?? -1);
    return { type: `RLIMIT_${name.toUpperCase()}`, soft: lower(soft, most), hard: lower(hard, most) };
  });
}

/** A sentence for each limit that {@link rlimitsOf} sets lower than it was asked to. */
export function ulimitWarnings(ulimits: readonly Ulimit[], ceiling: LimitCeiling = ownCeiling()): readonly string[] {
  const set = rlimitsOf(ulimits, ceiling);
  return ulimits.flatMap(({ name, soft, hard }, index) => {
    const { soft: lowSoft, hard: lowHard } = set[index] ?? { soft, hard };
    if (lowSoft === soft && lowHard === hard) return [];
    return [
      `ulimit ${name}=${soft}:${hard} is more than this machine lets berth set, ${lowSoft}:${lowHard} is used instead`,
    ];
  });
}

/** The lower of two limits, of which -1 is the highest. */
function lower(a: number, b: number): number {
  if (a === -1) return b;
  return b === -1 ? a : Math.min(a, b);
}

/** What /proc calls the limits. @see proc_pid_limits(5) */
const procNames: Readonly<Record<string, string>> = {
  "Max cpu time": "cpu",
  "Max file size": "fsize",
  "Max data size": "data",
  "Max stack size": "stack",
  "Max core file size": "core",
  "Max resident set": "rss",
  "Max processes": "nproc",
  "Max open files": "nofile",
  "Max locked memory": "memlock",
  "Max address space": "as",
  "Max file locks": "locks",
  "Max pending signals": "sigpending",
  "Max msgqueue size": "msgqueue",
  "Max nice priority": "nice",
  "Max realtime priority": "rtprio",
  "Max realtime timeout": "rttime",
};

function ownCeiling(): LimitCeiling {
  const unbounded = isCapable("sysResource");
  return { unbounded, hard: unbounded ? {} : parseLimits(readFileSync("/proc/self/limits", "utf8")) };
}

/** Hard limits by name, from the text of /proc/PID/limits: name, soft, hard and unit in columns. */
export function parseLimits(text: string): Readonly<Record<string, number>> {
  const rows = text.split("\n").map((line) => line.split(/\s{2,}/));
  return Object.fromEntries(
    rows.flatMap(([label = "", , hard = ""]) => {
      const name = procNames[label];
      return name === undefined ? [] : [[name, hard === "unlimited" ? -1 : Number(hard)]];
    }),
  );
}
