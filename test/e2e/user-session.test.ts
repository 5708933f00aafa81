import { beforeAll, describe, expect, test } from "vitest";
import { addMachineUser, isMachine, type MachineUser, places } from "../support/machine-user.ts";

// An ordinary user on a machine with systemd and cgroup v2, in the virtual machine alone.

const dockerfile = `FROM busybox
RUN --network=none id && touch /made && chown 33:44 /made && ls -ln /made
USER 33
RUN --network=none id
`;

describe.skipIf(!isMachine)("an ordinary user's steps run with users and owners of their own in", () => {
  let user: MachineUser;
  beforeAll(async () => {
    user = await addMachineUser();
  });

  test.each([
    [
      "a service of the user's own manager, whose cgroup is theirs",
      places.manager,
      /user@4712\.service\/.+\.service$/m,
    ],
    ["a login, whose cgroup is root's", places.login, /^0::\/user\.slice\/user-4712\.slice\/session-\w+\.scope$/m],
    ["a service of the system, whose cgroup is root's", places.service, /^0::\/system\.slice\/run-.+\.service$/m],
  ])("%s", async (_place, words, cgroup) => {
    const { code, stderr } = await user.build(words, dockerfile);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(cgroup) });
    expect(stderr).toMatch(/ uid=0\(root\) /);
    expect(stderr).toMatch(/ -rw-r--r-- .* 33 +44 .*\/made$/m);
    expect(stderr).toMatch(/ uid=33\(/);
  });
});
