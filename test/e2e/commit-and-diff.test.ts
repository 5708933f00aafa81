import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

const run = (name: string, script: string) =>
  berth.out(["run", "--network", "none", "--name", name, "busybox", "sh", "-c", script]);

test("diff has a line for each kind of change, and none for a file that is as it was", async () => {
  await run(
    "changed",
    "echo new > /root/new; mkdir -p /a/b; touch /a/b/c; echo x >> /etc/passwd; chmod 600 /etc/group; rm /bin/wc; rm -r /var/spool; ln -s /a /link; cat /etc/shadow",
  );
  expect((await berth.out(["diff", "changed"])).split("\n").sort()).toEqual(
    [
      ...["A /a", "A /a/b", "A /a/b/c", "A /link", "A /root/new"],
      ...["C /bin", "C /etc", "C /etc/group", "C /etc/passwd", "C /root", "C /var"],
      ...["D /bin/wc", "D /var/spool"],
    ].sort(),
  );
});

test("a container that changed nothing has no lines", async () => {
  await run("idle", "true");
  expect(await berth.out(["diff", "idle"])).toBe("");
});

describe("commit", () => {
  test("makes a child image of the same layers and one more, with author, message and changes", async () => {
    const options = ["-a", "A. Uthor <a@example.org>", "-m", "why", "-c", 'CMD ["cat", "/root/new"]', "-c", "ENV A=b"];
    const id = await berth.out(["commit", ...options, "changed", "child:1"]);
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await berth.out(["run", "--rm", "--network", "none", "child:1"])).toBe("new");
    const [base, child] = JSON.parse(await berth.out(["inspect", "busybox", "child:1"]));
    expect(child).toMatchObject({
      Id: id,
      Author: "A. Uthor <a@example.org>",
      Comment: "why",
      Config: { Cmd: ["cat", "/root/new"], Env: expect.arrayContaining(["A=b"]) },
    });
    expect(child.RootFS.Layers.slice(0, -1)).toEqual(base.RootFS.Layers);
    expect(child.RootFS.Layers).toHaveLength(2);
  });

  test("keeps deletions, modes and links", async () => {
    const script = "ls /bin/wc /var/spool; stat -c %a /etc/group; readlink /link";
    const { stdout, stderr } = await berth.run(["run", "--rm", "--network", "none", "child:1", "sh", "-c", script]);
    expect(stdout).toBe("600\n/a\n");
    expect(stderr).toBe("ls: /bin/wc: No such file or directory\nls: /var/spool: No such file or directory\n");
  });

  test("shows in history above the base's rows", async () => {
    const rows = (await berth.out(["history", "--format", "{{.CreatedBy}}|{{.Comment}}", "child:1"])).split("\n");
    expect(rows[0]).toMatch(/^sh -c echo new > .*\|why$/);
    expect(rows.slice(1)).toEqual(
      (await berth.out(["history", "--format", "{{.CreatedBy}}|{{.Comment}}", "busybox"])).split("\n"),
    );
  });

  test("of a running container doesn't stop it", async () => {
    await berth.out([
      "run",
      "-d",
      "--network",
      "none",
      "--name",
      "live",
      "busybox",
      "sh",
      "-c",
      "echo x > /x; sleep 1000",
    ]);
    await berth.out(["commit", "live", "from-live"]);
    expect(await berth.out(["inspect", "--format", "{{.State.Status}}", "live"])).toBe("running");
    await berth.out(["rm", "-f", "live"]);
  });

  test.each([
    [["commit", "nosuch", "x"], "No such container: nosuch"],
    [["commit", "idle", "Upper"], "must be lowercase"],
    [["commit", "-c", "NOSUCH x", "idle", "x"], "NOSUCH"],
    [["diff", "nosuch"], "No such container: nosuch"],
  ])("%j fails, and makes no image", async (args, message) => {
    const before = await berth.out(["image", "ls", "-aq"]);
    const { code, stderr } = await berth.run(args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(await berth.out(["image", "ls", "-aq"])).toBe(before);
  });
});
