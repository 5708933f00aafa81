import { type SeccompArgument, type SeccompRule, seccompRules } from "./seccomp-rules.ts";

/** @see runtime-spec v1.1 config-linux.md#seccomp */
export interface Seccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls: readonly SeccompSyscalls[];
}

/** What happens to some system calls. */
export interface SeccompSyscalls {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly (Omit<SeccompArgument, "op"> & { readonly op: string })[];
}

const eperm = 1;

/** Each architecture with those whose programs its kernel runs too. */
const seccompArchitectures: Readonly<Record<string, readonly string[]>> = {
  amd64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
  s390x: ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"],
  riscv64: ["SCMP_ARCH_RISCV64"],
  loong64: ["SCMP_ARCH_LOONGARCH64"],
};

/** The names that seccomp has for a machine and what else runs on it, its own first. @param architecture in Go's words */
export function architecturesOf(architecture: string): readonly string[] {
  return seccompArchitectures[architecture] ?? [];
}

/**
 * Docker's default seccomp profile for a process.
 *
 * @param capabilities its bounding set, as `CAP_SYS_ADMIN`
 * @param architecture of the machine, in Go's words
 */
export function defaultSeccomp(capabilities: readonly string[], architecture: string): Seccomp {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: eperm,
    architectures: architecturesOf(architecture),
    syscalls: seccompRules.filter((rule) => counts(rule, capabilities, architecture)).map(toSyscalls),
  };
}

function counts(rule: SeccompRule, capabilities: readonly string[], architecture: string): boolean {
  const { capability, withoutCapability, architectures, exceptArchitectures } = rule;
  return (
    (capability === undefined || capabilities.includes(capability)) &&
    (withoutCapability === undefined || !capabilities.includes(withoutCapability)) &&
    (architectures === undefined || architectures.includes(architecture)) &&
    (exceptArchitectures === undefined || !exceptArchitectures.includes(architecture))
  );
}

function toSyscalls({ names, arg, errno }: SeccompRule): SeccompSyscalls {
  return {
    names: names.trim().split(/\s+/),
    action: errno === undefined ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO",
    ...(errno === undefined ? {} : { errnoRet: errno }),
    ...(arg === undefined ? {} : { args: [arg] }),
  };
}
