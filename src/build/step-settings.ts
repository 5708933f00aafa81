import { BerthError } from "../base/errors.ts";
import { type Security, securityIn } from "../runtime/security.ts";
import type { Ulimit } from "../runtime/ulimits.ts";

/** What the command line gives every `RUN` step to see: part of what the step is, and of its key. Empty where nothing is given. */
export interface StepSettings {
  /** `name:address` in `/etc/hosts`; the address may be `host-gateway`. */
  readonly extraHosts?: readonly string[];
  /** The host's name, from the build argument `BUILDKIT_SANDBOX_HOSTNAME`. */
  readonly hostname?: string;
  /** Bytes of /dev/shm. */
  readonly shmSize?: number;
  readonly ulimits?: readonly Ulimit[];
  /** The cgroup that the step's own is made in. */
  readonly cgroupParent?: string;
}

/** How far every `RUN` step is confined. Like limits, it is no part of a key. */
export type StepSecurity = Security;

/** What options in the form of `--security-opt` come to for steps. */
export const stepSecurity: (options: readonly string[]) => StepSecurity = securityIn;

/** The settings as a step's key has them: a host whose address changes is the same host, as in BuildKit. */
export function keyedSettings({ extraHosts, ...settings }: StepSettings): StepSettings {
  if (extraHosts === undefined) return settings;
  return { ...settings, extraHosts: extraHosts.map((host) => host.slice(0, host.indexOf(":"))) };
}

/** @throws {BerthError} failed-precondition, where a step without a bridge is to know the bridge's address */
export function checkGateway({ extraHosts = [] }: StepSettings, hasBridge: boolean): void {
  if (hasBridge || !extraHosts.some((host) => host.endsWith(":host-gateway"))) return;
  throw new BerthError("failed-precondition", "unable to derive the IP value for host-gateway", {
    hint: "host-gateway is the address of the bridge: steps with the network none or host have none. Give the address.",
  });
}
