import { expect, test } from "vitest";
import { dockerCapabilities } from "./capabilities.ts";
import { defaultSeccomp, type SeccompSyscalls } from "./seccomp.ts";

const docker = dockerCapabilities({ add: [], drop: [], privileged: false, uid: 0 }).bounding;

function rulesOf(name: string, capabilities: readonly string[], architecture = "amd64"): readonly SeccompSyscalls[] {
  return defaultSeccomp(capabilities, architecture).syscalls.filter(({ names }) => names.includes(name));
}

const allowed = [{ action: "SCMP_ACT_ALLOW" }];

test.each(["read", "openat", "execve", "ptrace", "chroot", "arch_prctl"])("Docker's capabilities allow %s", (name) => {
  expect(rulesOf(name, docker)).toMatchObject(allowed);
});

test.each(["mount", "unshare", "setns", "bpf", "reboot", "init_module", "keyctl", "io_uring_setup", "syslog"])(
  "Docker's capabilities do not allow %s",
  (name) => expect(rulesOf(name, docker)).toEqual([]),
);

test.each([
  ["mount", "CAP_SYS_ADMIN"],
  ["syslog", "CAP_SYSLOG"],
  ["bpf", "CAP_BPF"],
  ["clock_settime", "CAP_SYS_TIME"],
  ["open_by_handle_at", "CAP_DAC_READ_SEARCH"],
])("%s is allowed by %s", (name, capability) => {
  expect(rulesOf(name, [...docker, capability])).toMatchObject(allowed);
});

test("Without CAP_SYS_ADMIN, clone makes no namespaces and clone3 doesn't exist", () => {
  const withoutNamespaces = { value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" };
  expect(rulesOf("clone", docker)).toMatchObject([{ args: [{ index: 0, ...withoutNamespaces }] }]);
  expect(rulesOf("clone", docker, "s390x")).toMatchObject([{ args: [{ index: 1, ...withoutNamespaces }] }]);
  expect(rulesOf("clone3", docker)).toMatchObject([{ action: "SCMP_ACT_ERRNO", errnoRet: 38 }]);
});

test("With CAP_SYS_ADMIN, clone and clone3 are allowed whatever they do", () => {
  for (const name of ["clone", "clone3"]) {
    const rules = rulesOf(name, [...docker, "CAP_SYS_ADMIN"]);
    expect(rules).toMatchObject(allowed);
    expect(rules[0]).not.toHaveProperty("args");
  }
});

test("Sockets of AF_ALG and AF_VSOCK are not allowed", () => {
  expect(rulesOf("socket", docker).map(({ args }) => args)).toEqual([
    [{ index: 0, value: 38, op: "SCMP_CMP_LT" }],
    [{ index: 0, value: 39, op: "SCMP_CMP_EQ" }],
    [{ index: 0, value: 40, op: "SCMP_CMP_GT" }],
  ]);
});

test.each([
  ["amd64", ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]],
  ["arm64", ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]],
  ["arm", []],
])("On %s the filter covers %j", (architecture, expected) => {
  expect(defaultSeccomp(docker, architecture).architectures).toEqual(expected);
});

test("Calls of other machines are left out", () => {
  expect(rulesOf("arch_prctl", docker, "arm64")).toEqual([]);
  expect(rulesOf("cacheflush", docker, "arm64")).toMatchObject(allowed);
  expect(rulesOf("cacheflush", docker)).toEqual([]);
});
