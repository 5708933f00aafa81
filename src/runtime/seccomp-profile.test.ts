import { expect, test } from "vitest";
import { type ProfileHost, seccompProfile } from "./seccomp-profile.ts";

const host: ProfileHost = { capabilities: ["CAP_CHOWN", "CAP_KILL"], architecture: "amd64", kernel: "6.1.0-18-amd64" };
const read = (profile: object, own: Partial<ProfileHost> = {}) =>
  seccompProfile(JSON.stringify(profile), { ...host, ...own });

test("a profile is what the runtime takes, for this machine's architectures", () => {
  const profile = {
    ...{ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38, flags: ["SECCOMP_FILTER_FLAG_LOG"] },
    archMap: [
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    ],
    syscalls: [
      { names: ["read", "write"], action: "SCMP_ACT_ALLOW", args: null, comment: "", includes: {}, excludes: {} },
      { name: "mkdir", action: "SCMP_ACT_ERRNO", errnoRet: 1 },
      {
        names: ["socket"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 40, valueTwo: 0, op: "SCMP_CMP_NE" }],
      },
    ],
  };
  expect(read(profile)).toEqual({
    ...{ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38, flags: ["SECCOMP_FILTER_FLAG_LOG"] },
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    syscalls: [
      { names: ["read", "write"], action: "SCMP_ACT_ALLOW" },
      { names: ["mkdir"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
      {
        names: ["socket"],
        action: "SCMP_ACT_ALLOW",
        args: [{ index: 0, value: 40, valueTwo: 0, op: "SCMP_CMP_NE" }],
      },
    ],
  });
  expect(read(profile, { architecture: "arm64" })?.architectures).toEqual(["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
});

test.each([
  ["nothing", {}, true],
  ["a capability that it has", { includes: { caps: ["CAP_KILL"] } }, true],
  ["one of two that it hasn't", { includes: { caps: ["CAP_KILL", "CAP_BPF"] } }, false],
  ["a capability away that it has", { excludes: { caps: ["CAP_BPF", "CAP_KILL"] } }, false],
  ["a capability away that it hasn't", { excludes: { caps: ["CAP_BPF"] } }, true],
  ["this architecture", { includes: { arches: ["amd64", "x32"] } }, true],
  ["another architecture", { includes: { arches: ["arm64"] } }, false],
  ["this architecture away", { excludes: { arches: ["amd64"] } }, false],
  ["an older kernel at least", { includes: { minKernel: "4.8" } }, true],
  ["this very kernel at least", { includes: { minKernel: "6.1" } }, true],
  ["a newer kernel at least", { includes: { minKernel: "6.2" } }, false],
  ["a newer major kernel at least", { includes: { minKernel: "7.0" } }, false],
  ["an older kernel away", { excludes: { minKernel: "5.10" } }, false],
])("a rule that wants %s", (_, condition, counts) => {
  const rule = { names: ["bpf"], action: "SCMP_ACT_ALLOW", ...condition };
  expect(read({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [rule] })?.syscalls).toHaveLength(counts ? 1 : 0);
});

test("a profile without action and rules is none, as in Docker", () => {
  expect(read({})).toBeUndefined();
});

const rule = { names: ["read"], action: "SCMP_ACT_ALLOW" };
test.each([
  [[], "Decoding seccomp profile failed: it is no object"],
  [{ defaultAction: "ALLOW" }, 'Decoding seccomp profile failed: no action that berth knows: "ALLOW"'],
  [{ syscalls: [rule] }, "Decoding seccomp profile failed: no action that berth knows: undefined"],
  [{ defaultAction: "SCMP_ACT_ALLOW", syscalls: {} }, "Decoding seccomp profile failed: syscalls is no list"],
  [
    { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ ...rule, names: [1] }] },
    "Decoding seccomp profile failed: names is no list of texts",
  ],
  [
    { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ ...rule, name: "write" }] },
    "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'",
  ],
  [
    { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86"], archMap: [{}] },
    "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
  ],
  [
    { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ ...rule, args: [{ op: "EQ" }] }] },
    'Decoding seccomp profile failed: no comparison: "EQ"',
  ],
  [
    { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ ...rule, includes: { minKernel: "six" } }] },
    'Decoding seccomp profile failed: no version of a kernel: "six"',
  ],
  [
    { defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/x" },
    "Decoding seccomp profile failed: listenerPath: berth has no agent that decides on calls",
  ],
])("%j is refused", (profile, message) => {
  expect(() => read(profile)).toThrow(message);
});
