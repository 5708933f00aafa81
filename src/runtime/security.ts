import { readFileSync } from "node:fs";
import { BerthError, codeOf } from "../base/errors.ts";
import type { ProcessSpec } from "../oci/runtime-spec.ts";

/** How far a process is confined. */
export interface Security {
  /** `builtin`, which is Docker's; `unconfined`; or a profile of the user's own, as JSON. */
  readonly seccomp?: string;
  /** A profile of AppArmor that the kernel has, or `unconfined`. */
  readonly apparmor?: string;
  readonly noNewPrivileges?: boolean;
}

/** What options in the form of `--security-opt` come to; of several with one name the last counts. */
export function securityIn(options: readonly string[]): Security {
  const seccomp = valueGiven(options, "seccomp");
  const apparmor = valueGiven(options, "apparmor");
  return {
    ...(seccomp === undefined || seccomp === "builtin" ? {} : { seccomp }),
    ...(apparmor === undefined ? {} : { apparmor }),
    noNewPrivileges: options.includes(noNew) || valueGiven(options, noNew) === "true",
  };
}

const noNew = "no-new-privileges";

function valueGiven(options: readonly string[], name: string): string | undefined {
  const found = options.findLast((option) => option.startsWith(name) && /[=:]/.test(option.charAt(name.length)));
  return found?.slice(name.length + 1);
}

/** What a process is started with of it: all but the seccomp filter, which is its container's. @throws {BerthError} failed-precondition, for a profile of AppArmor where the kernel has none */
export function confinementOf(security: Security): Pick<ProcessSpec, "noNewPrivileges" | "apparmorProfile"> {
  const profile = apparmorProfile(security);
  const { noNewPrivileges = false } = security;
  return { noNewPrivileges, ...(profile === undefined ? {} : { apparmorProfile: profile }) };
}

/**
 * The profile of AppArmor that a process is started with. Undefined where the kernel confines nobody.
 *
 * @throws {BerthError} failed-precondition, where one is asked for and the kernel has none
 */
function apparmorProfile({ apparmor }: Security): string | undefined {
  if (apparmor === undefined || hasApparmor()) return apparmor;
  if (apparmor === "unconfined") return undefined;
  throw new BerthError(
    "failed-precondition",
    `can't confine by the AppArmor profile "${apparmor}": this kernel has no AppArmor`,
    {
      hint: "Boot with apparmor=1 security=apparmor where the kernel has it, or leave out --security-opt apparmor.",
    },
  );
}

/** @see containerd pkg/apparmor `HostSupports` */
function hasApparmor(): boolean {
  try {
    return readFileSync("/sys/module/apparmor/parameters/enabled", "latin1").startsWith("Y");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
