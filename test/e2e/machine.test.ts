import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";

// The least that a machine must be able to do, whichever cgroups it has: quick enough to run under emulation.

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

test("doctor finds everything that berth needs", async () => {
  expect(await berth.run(["doctor"])).toMatchObject({ code: 0, stdout: expect.not.stringContaining("To mend it") });
});

const unified = existsSync("/sys/fs/cgroup/cgroup.controllers");

describe("a limit holds:", () => {
  test.each(
    [
      { flag: "--memory=64m", v1: "memory/memory.limit_in_bytes", v2: "memory.max", value: `${64 << 20}` },
      { flag: "--memory-swap=96m", v1: "", v2: "memory.swap.max", value: `${32 << 20}` },
      { flag: "--cpus=1.5", v1: "cpu/cpu.cfs_quota_us", v2: "cpu.max", value: unified ? "150000 100000" : "150000" },
      { flag: "--cpuset-cpus=0", v1: "cpuset/cpuset.cpus", v2: "cpuset.cpus", value: "0" },
      { flag: "--pids-limit=77", v1: "pids/pids.max", v2: "pids.max", value: "77" },
    ].filter(({ v1 }) => unified || v1 !== ""),
  )("$flag", async ({ flag, v1, v2, value }) => {
    const flags = ["--memory=64m", flag].slice(flag.startsWith("--memory=") ? 1 : 0);
    const cat = ["cat", `/sys/fs/cgroup/${unified ? v2 : v1}`];
    expect(await berth.out(["run", "--rm", "--network", "none", ...flags, "busybox", ...cat])).toBe(value);
  });
});

const hasApparmor = existsSync("/sys/kernel/security/apparmor/profiles");

test("a profile of AppArmor is asked of the kernel: one that it hasn't got starts no container", async () => {
  const confined = (profile: string, ...command: readonly string[]) =>
    berth.run(["run", "--rm", "--network", "none", "--security-opt", `apparmor=${profile}`, "busybox", ...command]);
  const shown = hasApparmor ? ["cat", "/proc/self/attr/current"] : ["echo", "unconfined"];
  expect(await confined("unconfined", ...shown)).toMatchObject({ code: 0, stdout: "unconfined\n" });
  const refused = await confined("nosuch", "true");
  expect(refused.code).toBeGreaterThanOrEqual(125);
  expect(refused.stderr).toMatch(hasApparmor ? /apparmor|attr\/exec/i : /"nosuch": this kernel has no AppArmor\n/);
});

test("a container that uses more memory than it may is killed, and says so", async () => {
  const eater = ["sh", "-c", "head -c 200m /dev/zero | tail"];
  const { code } = await berth.run([
    "run",
    "--name",
    "eater",
    "--memory=32m",
    "--network",
    "none",
    "busybox",
    ...eater,
  ]);
  expect(code).toBe(137);
  const state = ["inspect", "--format", "{{.State.OOMKilled}} {{.State.ExitCode}}", "eater"];
  expect(await berth.out(state)).toBe("true 137");
  await berth.out(["rm", "eater"]);
});

test("a container in the background has an address, takes commands and stops; its cgroup is gone then", async () => {
  await berth.out([
    "run",
    "-d",
    "--name",
    "box",
    "busybox",
    "sh",
    "-c",
    "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done",
  ]);
  await eventually(async () => ((await berth.out(["logs", "box"])) === "ready" ? true : undefined));
  expect(await berth.run(["exec", "box", "sh", "-c", "ip addr show eth0 | grep -c 'inet '; exit 6"])).toMatchObject({
    code: 6,
    stdout: "1\n",
  });
  expect(await berth.out(["stop", "box"])).toBe("box");
  expect(await berth.out(["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "box"])).toBe("exited 3");
  const id = await berth.out(["inspect", "--format", "{{.Id}}", "box"]);
  expect(existsSync(`/sys/fs/cgroup/${unified ? "" : "memory/"}berth/${id}`)).toBe(false);
  await berth.out(["rm", "box"]);
});

test("a Dockerfile becomes an image that runs", async () => {
  const Dockerfile = "FROM busybox\nRUN id -u > /built\nCOPY note /note\nUSER mail\nCMD id -un; cat /built /note\n";
  await berth.out(["build", "-t", "small", await berth.files("context", { Dockerfile, note: "copied" })]);
  expect(await berth.out(["run", "--rm", "--network", "none", "small"])).toBe("mail\n0\ncopied");
});
