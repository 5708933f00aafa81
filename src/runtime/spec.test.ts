import { expect, test } from "vitest";
import { dockerCapabilities } from "./capabilities.ts";
import { type Resources, runtimeSpec, type SpecInput } from "./spec.ts";

const input: SpecInput = {
  args: ["sh"],
  env: ["PATH=/bin"],
  cwd: "/work",
  user: { uid: 0, gid: 0, additionalGids: [0] },
  terminal: false,
  hostname: "box",
  mounts: [],
  network: "new",
  cgroupsPath: "/berth/box",
  resources: {},
  cgroup: { version: 1, hybrid: true, controllers: ["memory", "cpu", "pids"] },
};

const specWith = (more: Partial<SpecInput>) => runtimeSpec({ ...input, ...more });

function mountAt(destination: string, more: Partial<SpecInput>) {
  return specWith(more).mounts.filter((mount) => mount.destination === destination);
}

test("A plain container has Docker's isolation", () => {
  const { process, root, hostname, linux } = runtimeSpec(input);
  expect(process).toMatchObject({ args: ["sh"], env: ["PATH=/bin"], cwd: "/work", terminal: false });
  expect(process.user).toEqual({ uid: 0, gid: 0, additionalGids: [0] });
  expect(process.capabilities.effective).toHaveLength(14);
  expect({ root, hostname }).toEqual({ root: { path: "rootfs", readonly: false }, hostname: "box" });
  expect(linux.cgroupsPath).toBe("/berth/box");
  expect(linux.maskedPaths).toContain("/proc/kcore");
  expect(linux.readonlyPaths).toContain("/proc/sys");
  expect(linux.seccomp).toMatchObject({ defaultAction: "SCMP_ACT_ERRNO" });
  expect(linux.resources).toMatchObject({ devices: expect.arrayContaining([{ allow: false, access: "rwm" }]) });
  expect(linux).not.toHaveProperty("rootfsPropagation");
});

test("A privileged container has every capability and device, and nothing in its way", () => {
  const kmsg = { path: "/dev/kmsg", type: "c", major: 1, minor: 11, mode: 0o600, uid: 0, gid: 0 } as const;
  const { process, linux, mounts } = specWith({ privileged: { devices: [kmsg] }, capDrop: ["ALL"] });
  expect(process.capabilities.effective).toEqual(
    dockerCapabilities({ add: ["ALL"], drop: [], privileged: false, uid: 0 }).effective,
  );
  for (const barrier of ["seccomp", "maskedPaths", "readonlyPaths"]) expect(linux).not.toHaveProperty(barrier);
  expect(linux.resources).toEqual({ devices: [{ allow: true, access: "rwm" }] });
  expect(mounts.flatMap(({ options }) => options)).not.toContain("ro");
});

test("Without privilege, /sys and the cgroups are read-only", () => {
  const readonly = runtimeSpec(input).mounts.filter(({ options }) => options.includes("ro"));
  expect(readonly.map(({ destination }) => destination)).toEqual(["/sys", "/sys/fs/cgroup"]);
});

test.each([
  ["new", 1, ["pid", "mount", "ipc", "uts", "network"]],
  ["host", 1, ["pid", "mount", "ipc", "uts"]],
  ["new", 2, ["pid", "mount", "ipc", "uts", "cgroup", "network"]],
] as const)("With network %s and cgroups v%i it has the namespaces %j", (network, version, types) => {
  const { namespaces } = specWith({ network, cgroup: { version, hybrid: false, controllers: [] } }).linux;
  expect(namespaces).toEqual(types.map((type) => ({ type })));
});

test("A network namespace that is there is joined", () => {
  const { linux } = specWith({ network: { path: "/run/netns/a" } });
  expect(linux.namespaces).toContainEqual({ type: "network", path: "/run/netns/a" });
  expect(linux.sysctl).toEqual({});
});

test("Low ports and ping need no capability in a new network namespace, unless asked otherwise", () => {
  expect(specWith({ sysctls: { "net.ipv4.ip_unprivileged_port_start": "1024" } }).linux.sysctl).toEqual({
    "net.ipv4.ping_group_range": "0 2147483647",
    "net.ipv4.ip_unprivileged_port_start": "1024",
  });
  expect(specWith({ network: "host" }).linux.sysctl).toEqual({});
});

test.each([
  [1, "0 0", false, []],
  [65536, "0 65535", true, [10]],
])(
  "With %i IDs nothing names an ID above them, and nothing is set that only root may set",
  (ids, range, hasTty, groups) => {
    const user = { uid: 0, gid: 0, additionalGids: [10] };
    const { process, linux } = specWith({ ids, user });
    expect(linux.sysctl).toMatchObject({ "net.ipv4.ping_group_range": range });
    expect(mountAt("/dev/pts", { ids })[0]?.options.includes("gid=5")).toBe(hasTty);
    expect(process.user.additionalGids).toEqual(groups);
    expect(process).not.toHaveProperty("oomScoreAdj");
  },
);

test("/dev/shm has 64 MiB, or what is asked", () => {
  expect(mountAt("/dev/shm", {})[0]?.options).toContain("size=67108864");
  expect(mountAt("/dev/shm", { shmSize: 4096 })[0]?.options).toContain("size=4096");
});

const bind = (destination: string, ...options: string[]) => ({ destination, type: "bind", source: "/src", options });

test("Mounts come last and in order, in place of the container's own", () => {
  const mounts = [bind("/b"), bind("/dev/shm"), bind("/a")];
  expect(specWith({ mounts }).mounts.slice(-3)).toEqual(mounts);
  expect(mountAt("/dev/shm", { mounts })).toEqual([bind("/dev/shm")]);
});

test("A mount at /dev leaves nothing of the container's own below it", () => {
  const destinations = specWith({ mounts: [bind("/dev")] }).mounts.map(({ destination }) => destination);
  expect(destinations).toEqual(["/proc", "/sys", "/sys/fs/cgroup", "/dev"]);
});

test.each([
  ["rprivate", undefined],
  ["rslave", "rslave"],
  ["rshared", "shared"],
])("A mount with %s makes the propagation of the root %s", (option, expected) => {
  expect(specWith({ mounts: [bind("/a", option)] }).linux.rootfsPropagation).toBe(expected);
});

test.each<[Resources, object]>([
  [{}, {}],
  [{ memory: 1000 }, { memory: { limit: 1000, swap: 2000 } }],
  [{ memory: 1000, memorySwap: 1500 }, { memory: { limit: 1000, swap: 1500 } }],
  [{ memory: 1000, memorySwap: -1 }, { memory: { limit: 1000 } }],
  [{ nanoCpus: 1_500_000_000 }, { cpu: { period: 100_000, quota: 150_000 } }],
  [{ cpuShares: 512, cpusetCpus: "0-1", cpusetMems: "0" }, { cpu: { shares: 512, cpus: "0-1", mems: "0" } }],
  [{ pidsLimit: 20 }, { pids: { limit: 20 } }],
  [{ pidsLimit: -1 }, {}],
  [{ memory: 0, nanoCpus: 0, cpuShares: 0, cpusetCpus: "" }, {}],
])("%j limits to %j", (resources, expected) => {
  expect({ ...specWith({ resources }).linux.resources, devices: [] }).toEqual({ ...expected, devices: [] });
});

test("Resource limits are only those given", () => {
  expect(runtimeSpec(input).process.rlimits).toEqual([]);
  expect(specWith({ ulimits: [{ name: "nofile", soft: 1, hard: 2 }] }).process.rlimits).toEqual([
    { type: "RLIMIT_NOFILE", soft: 1, hard: 2 },
  ]);
});

test("Options reach the specification", () => {
  const { process, root, linux } = specWith({
    readonlyRootfs: true,
    security: { noNewPrivileges: true, seccomp: "unconfined" },
  });
  expect({ readonly: root.readonly, noNewPrivileges: process.noNewPrivileges }).toEqual({
    readonly: true,
    noNewPrivileges: true,
  });
  expect(linux).not.toHaveProperty("seccomp");
});

test("A seccomp profile of the user's own holds for a privileged container, too", () => {
  const seccomp = JSON.stringify({ defaultAction: "SCMP_ACT_LOG" });
  const expected = { defaultAction: "SCMP_ACT_LOG", architectures: [], syscalls: [] };
  expect(specWith({ security: { seccomp } }).linux.seccomp).toEqual(expected);
  expect(specWith({ security: { seccomp }, privileged: { devices: [] } }).linux.seccomp).toEqual(expected);
});

test("Another user than root holds no capability, but may gain some", () => {
  const { capabilities } = specWith({ user: { uid: 1, gid: 1 } }).process;
  expect(capabilities).toMatchObject({ effective: [], permitted: [] });
  expect(capabilities.bounding).toHaveLength(14);
});
