import { readFileSync } from "node:fs";
import { BerthError, codeOf } from "../base/errors.ts";

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
    noNewPrivileges:
      options.some((each) => each === noNewPrivileges) || valueGiven(options, noNewPrivileges) === "true",
  };
}

const noNewPrivileges = "no-new-privileges";

function valueGiven(options: readonly string[], name: string): string | undefined {
  const found = options.findLast((option) => option.startsWith(name) && /[=:]/.test(option.charAt(name.length)));
  return found?.slice(name.length + 1);
}

/**
 * The profile of AppArmor that a process is started with. Undefined where the kernel confines nobody.
 *
 * @throws {BerthError} failed-precondition, where one is asked for and the kernel has none
 */
export function apparmorProfile({ apparmor }: Security): string | undefined {
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
