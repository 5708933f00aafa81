import { BerthError } from "../base/errors.ts";
import type { Capabilities } from "../oci/runtime-spec.ts";

/** What Docker leaves to a container. */
const defaultCapabilities = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

/** Everything else that Linux knows. @see capabilities(7) */
const otherCapabilities = [
  "CAP_DAC_READ_SEARCH",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_LEASE",
  "CAP_AUDIT_CONTROL",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
];

const allCapabilities = [...defaultCapabilities, ...otherCapabilities];

/** What changes the capabilities of a process. */
export interface CapabilityRequest {
  /** `NET_ADMIN`, `CAP_NET_ADMIN`, `ALL`, in any case. */
  readonly add: readonly string[];
  readonly drop: readonly string[];
  /** All of them, whatever else is asked. */
  readonly privileged: boolean;
  /** A process of another user than root holds none, but may gain those in the bounding set by its files. */
  readonly uid: number;
}

/**
 * The capability sets of a process, as Docker gives them.
 *
 * @throws {BerthError} invalid-argument `invalid CapAdd: unknown capability: "CAP_X"`
 */
export function dockerCapabilities({ add, drop, privileged, uid }: CapabilityRequest): Capabilities {
  const bounding = privileged ? allCapabilities : tweak(normalize(add, "CapAdd"), normalize(drop, "CapDrop"));
  const held = uid === 0 ? bounding : [];
  return { bounding, effective: held, permitted: held };
}

function tweak(add: readonly string[], drop: readonly string[]): readonly string[] {
  if (add.includes("ALL")) return allCapabilities.filter((name) => !drop.includes(name));
  const kept = drop.includes("ALL") ? [] : defaultCapabilities.filter((name) => !drop.includes(name));
  return [...new Set([...kept, ...add])];
}

function normalize(names: readonly string[], option: string): readonly string[] {
  return names.map((written) => {
    const upper = written.toUpperCase();
    if (upper === "ALL") return upper;
    const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (allCapabilities.includes(name)) return name;
    throw new BerthError("invalid-argument", `invalid ${option}: unknown capability: ${JSON.stringify(name)}`);
  });
}
