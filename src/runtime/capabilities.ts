import { BerthError } from "../base/errors.ts";
import { effectiveCapabilities } from "../host/capabilities.ts";
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

/** Every capability of Linux; its place is its number. @see capabilities(7) */
const knownCapabilities = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
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

/** What changes the capabilities of a process. */
export interface CapabilityRequest {
  /** `NET_ADMIN`, `CAP_NET_ADMIN`, `ALL`, in any case. */
  readonly add: readonly string[];
  readonly drop: readonly string[];
  /** All that can be given, whatever else is asked. */
  readonly privileged: boolean;
  /** A process of another user than root holds none, but may gain those in the bounding set by its files. */
  readonly uid: number;
}

/**
 * The capability sets of a process, as Docker gives them.
 *
 * @param held what this process holds, hence the most it can give
 * @throws {BerthError} invalid-argument, with Docker's text, for a capability that is unknown or not held
 */
export function dockerCapabilities(
  { add, drop, privileged, uid }: CapabilityRequest,
  held: readonly string[] = heldCapabilities(),
): Capabilities {
  const bounding = privileged
    ? held
    : tweak({ add: normalize(add, "CapAdd", held), drop: normalize(drop, "CapDrop", held) }, held);
  const effective = uid === 0 ? bounding : [];
  return { bounding, effective, permitted: effective };
}

function tweak({ add, drop }: Pick<CapabilityRequest, "add" | "drop">, held: readonly string[]): readonly string[] {
  if (add.includes("ALL")) return held.filter((name) => !drop.includes(name));
  const kept = drop.includes("ALL") ? [] : defaultCapabilities.filter((name) => !drop.includes(name));
  return [...new Set([...kept, ...add])];
}

function normalize(names: readonly string[], option: string, held: readonly string[]): readonly string[] {
  return names.map((written) => {
    const upper = written.toUpperCase();
    if (upper === "ALL") return upper;
    const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (held.includes(name)) return name;
    const reason = knownCapabilities.includes(name)
      ? "capability not supported by your kernel or not available in the current environment"
      : "unknown capability";
    throw new BerthError("invalid-argument", `invalid ${option}: ${reason}: ${JSON.stringify(name)}`);
  });
}

function heldCapabilities(): readonly string[] {
  const mask = effectiveCapabilities();
  return knownCapabilities.filter((_, number) => (mask >> BigInt(number)) & 1n);
}
