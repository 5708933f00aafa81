import { accessSync, constants, readFileSync } from "node:fs";
import { codeOf } from "../base/errors.ts";

/** What a process may do, by the number of the capability. @see capabilities(7) */
const numbers = { chown: 0n, dacOverride: 1n, sysAdmin: 21n, sysResource: 24n } as const;

/** Whether this process has a capability in its user namespace, which need not be the machine's. */
export function isCapable(capability: keyof typeof numbers): boolean {
  return ((effectiveCapabilities() >> numbers[capability]) & 1n) === 1n;
}

/** All of these, the bit of each by its number. @see proc_pid_status(5) */
export function effectiveCapabilities(): bigint {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return BigInt(`0x${effective}`);
}

/** How IDs inside of this process's user namespace are mapped: lines of `inside outside count`. @see user_namespaces(7) */
export function mappedIds(kind: "uid" | "gid" = "uid"): readonly (readonly [number, number, number])[] {
  const lines = readFileSync(`/proc/self/${kind}_map`, "utf8").trim().split("\n");
  return lines.map((line) => {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    return [inside, outside, count] as const;
  });
}

/** Every ID that there is. */
const everyId = 2 ** 32 - 1;

/** True where this process is root of the machine, or as good: it may mount, and set what only root sets. */
export function isMachineRoot(): boolean {
  return isCapable("sysAdmin") && mappedIds()[0]?.[2] === everyId;
}

/**
 * True for root of the machine, and of a container that is like one: its network namespace is its user namespace's own, and so are the
 * settings of that.
 */
export function mayWire(): boolean {
  if (!isCapable("sysAdmin")) return false;
  try {
    accessSync("/proc/sys/net/ipv4/ip_forward", constants.W_OK);
    return true;
  } catch (error) {
    if (codeOf(error) === "EACCES" || codeOf(error) === "EROFS" || codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
