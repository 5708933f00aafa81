import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { addMachineUser, isMachine, type MachineUser, places } from "../support/machine-user.ts";

// What a machine with systemd can forbid an ordinary user, and what they are told then. In the virtual machine alone:
// `npm run test:vm -- test/e2e/user-limits.test.ts`.

const withRun = "FROM busybox\nRUN --network=none id\n";
const withoutRun = "FROM busybox\nCOPY Dockerfile /copied\n";

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

  test("without limits of steps, also where a cgroup is theirs", async () => {
    const { code, stderr } = await user.build(places.manager, withRun, "-m", "64m");
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("limits of steps need cgroups") });
  });

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
