import { existsSync, globSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { addMachineUser, isMachine, type MachineUser, places } from "../support/machine-user.ts";

// What a machine with systemd can forbid an ordinary user, and what they are told then. In the virtual machine alone:
// `npm run test:vm -- test/e2e/user-limits.test.ts`.

const withRun = "FROM busybox\nRUN --network=none id\n";
const withoutRun = "FROM busybox\nCOPY Dockerfile /copied\n";

/** Directories of cgroups whose names begin so. */
function cgroupsNamed(...prefixes: readonly string[]): readonly string[] {
  return globSync(prefixes.map((prefix) => `/sys/fs/cgroup/**/${prefix}*/`));
}

describe.skipIf(!isMachine)("an ordinary user builds", () => {
  let user: MachineUser;
  beforeAll(async () => {
    user = await addMachineUser();
  });

  test("with one ID where setuid programs are without effect, which doctor tells", async () => {
    const words = [...places.service, "-p", "NoNewPrivileges=yes"];
    const { code, stderr } = await user.build(words, withRun);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/ uid=0\(root\) gid=0\(root\)/) });
    expect((await user.run(words, ["doctor"])).stdout).toMatch(/subordinate IDs +warning/);
  });

  test.each(["login", "scope", "delegated service"] as const)(
    "with limits of steps that hold, in a %s",
    async (place) => {
      const files = "/sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.swap.max /sys/fs/cgroup/cpu.max";
      const limited = `FROM busybox\nRUN --network=none echo limits: $(cat ${files})\n`;
      const flags = ["-m", "32m", "--cpu-quota", "50000", "--cgroup-parent", "of-mine"];
      const { code, stderr } = await user.build(places[place], limited, ...flags);
      const limits = expect.stringMatching(/ limits: 33554432 33554432 50000 100000$/m);
      expect({ code, stderr }).toEqual({ code: 0, stderr: limits });
      const eating = "FROM busybox\nRUN --network=none head -c 200m /dev/zero | tail\n";
      const killed = await user.build(places[place], eating, "-m", "32m");
      expect(killed).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^#\d+ [\d.]+ Killed\n#\d+ ERROR: .*: exit code: 137$/m),
      });
      expect(cgroupsNamed("step-", "berth-command", "of-mine")).toEqual([]);
    },
  );

  test("with limits of a step that the next command ends where this one was killed", async () => {
    const building = user.build(places.scope, "FROM busybox\nRUN --network=none sleep 1000\n", "-m", "32m");
    const [step = ""] = await eventually(async () => {
      const found = cgroupsNamed("step-");
      return found.some((path) => readFileSync(join(path, "cgroup.procs"), "utf8") !== "") ? found : undefined;
    });
    const [command = ""] = cgroupsNamed("berth-command");
    const pids = readFileSync(join(command, "cgroup.procs"), "utf8").trim().split("\n");
    for (const pid of pids.filter((each) => readlinkSync(`/proc/${each}/exe`).endsWith("/node")))
      process.kill(Number(pid), 9);
    expect(await building).toMatchObject({ code: 137 });
    expect(existsSync(step)).toBe(true);
    expect(await user.run(places.login, ["builder", "prune", "-f"])).toMatchObject({ code: 0 });
    await eventually(async () => (cgroupsNamed("step-", "berth-command").length === 0 ? true : undefined));
  });

  test.each<readonly [place: keyof typeof places, flags: readonly string[], said: string, hint: string]>([
    [
      "service",
      ["-m", "64m"],
      "this user may not write to the cgroup /system.slice/run-",
      "hint: Start the command by `systemd-run --user --scope",
    ],
    [
      "scope",
      ["--cpuset-cpus", "0"],
      "cpuset isn't delegated to the cgroup /user.slice/",
      "Delegate=cpu cpuset memory pids;",
    ],
  ])(
    "without limits of steps in a %s with %j: what is missing is named, and what to do",
    async (place, flags, said, hint) => {
      const { code, stderr } = await user.build(places[place], withRun, ...flags);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringContaining(`limits of steps need cgroups: ${said}`),
      });
      expect(stderr).toContain(hint);
    },
  );

  test.each([
    ["kernel.unprivileged_userns_clone", "1"],
    ["user.max_user_namespaces", "15000"],
  ])("without RUN where %s is 0: the setting is named, and what to do", async (name, allowed) => {
    const path = `/proc/sys/${name.replaceAll(".", "/")}`;
    const before = readFileSync(path, "utf8");
    writeFileSync(path, "0");
    try {
      const { code, stderr } = await user.build(places.service, withRun);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`forbidden: ${name} is 0`) });
      expect(stderr).toContain(`hint: sysctl -w ${name}=${allowed}`);
      expect(await user.build(places.service, withoutRun)).toMatchObject({ code: 0 });
    } finally {
      writeFileSync(path, before);
    }
  });

  test("without RUN in a service that may make no namespaces: the setting is named", async () => {
    const words = [...places.service, "-p", "RestrictNamespaces=yes"];
    const { code, stderr } = await user.build(words, withRun);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("unshare(2) for a user namespace") });
    expect(stderr).toContain("RestrictNamespaces=");
    expect(await user.build(words, withoutRun)).toMatchObject({ code: 0 });
  });
});
