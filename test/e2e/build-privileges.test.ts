import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

async function build(steps: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const context = await berth.files(randomUUID(), { Dockerfile: `FROM busybox\n${steps}\n` });
  return await berth.run(["build", "--network", "none", "--progress", "plain", ...args, context], { env });
}

describe("RUN --security=insecure", () => {
  const mounts = "mkdir /m && mount -t tmpfs none /m && echo did mount";

  test("has every privilege where that is allowed, and is refused elsewhere", async () => {
    const allowed = await build(`RUN --security=insecure ${mounts} && ls /dev/fuse /dev/net/tun`, [
      "--allow",
      "security.insecure",
    ]);
    expect(allowed.stderr).toMatch(/ did mount\n.* \/dev\/fuse\n/);
    expect(allowed.code).toBe(0);
    const refused = await build(`RUN --security=insecure ${mounts}`);
    expect(refused.stderr).toContain("ERROR: failed to solve: failed to load LLB: security.insecure is not allowed\n");
    expect(refused.code).toBe(1);
  });

  test("is for the steps that ask for it alone", async () => {
    const { code, stderr } = await build(`RUN --security=sandbox ${mounts}`, ["--allow", "security.insecure"]);
    expect(stderr).not.toMatch(/^#\d+ [\d.]+ did mount$/m);
    expect(code).toBe(1);
  });
});

describe("RUN --device", () => {
  let env: Readonly<Record<string, string>>;
  beforeAll(async () => {
    const directory = await berth.files("cdi", {
      "thing.json": JSON.stringify({
        cdiVersion: "0.6.0",
        kind: "vendor.test/thing",
        containerEdits: { env: ["THINGS=on"] },
        devices: [
          {
            name: "one",
            containerEdits: {
              deviceNodes: [{ path: "/dev/thing", hostPath: "/dev/zero", permissions: "rw" }],
              mounts: [{ hostPath: "/etc/hostname", containerPath: "/etc/thing", options: ["ro"] }],
            },
          },
        ],
      }),
    });
    const settings = join(berth.directory, "with-devices.json");
    writeFileSync(settings, JSON.stringify({ "cdi-spec-dirs": [directory] }));
    env = { BERTH_CONFIG_FILE: settings };
  });

  const step = "RUN --device=vendor.test/thing=one,required head -c 2 /dev/thing | wc -c && env && ls /etc/thing";

  test("gives a step what the specification of a device says", async () => {
    const { code, stderr } = await build(step, ["--allow", "device=vendor.test/thing=one"], env);
    expect(stderr).toMatch(/ 2\n/);
    expect(stderr).toMatch(/ THINGS=on\n/);
    expect(stderr).toMatch(/ \/etc\/thing\n/);
    expect(code).toBe(0);
  });

  test("is refused where the device isn't allowed, or isn't there and required", async () => {
    const refused = await build(step, [], env);
    expect(refused.stderr).toContain("device vendor.test/thing=one is requested by the build but not allowed");
    expect(refused.code).toBe(1);
    const absent = await build("RUN --device=vendor.test/none,required true", ["--allow", "device"], env);
    expect(absent.stderr).toContain('required device "vendor.test/none" is not registered');
    expect(absent.code).toBe(1);
    expect(await build("RUN --device=vendor.test/none true", ["--allow", "device"], env)).toMatchObject({ code: 0 });
  });
});

test("--allow takes what BuildKit knows, and nothing else", async () => {
  const { code, stderr } = await build("RUN true", ["--allow", "everything"]);
  expect(stderr).toContain("unknown entitlement everything");
  expect(code).not.toBe(0);
});
