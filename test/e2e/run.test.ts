import { once } from "node:events";
import { readdirSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { runProgram } from "../support/program.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

/** `berth run --rm --network none …`. */
const offline = (...args: readonly string[]) => berth.run(["run", "--rm", "--network", "none", ...args]);

describe("the exit code is", () => {
  test.each([
    { name: "0 after success", code: 0, args: ["busybox", "true"], stderr: /^$/ },
    { name: "the command's own", code: 42, args: ["busybox", "sh", "-c", "exit 42"], stderr: /^$/ },
    { name: "125 for an unknown flag", code: 125, args: ["--nosuch", "busybox"], stderr: /^unknown flag: --nosuch\n/ },
    {
      name: "125 for an unknown image",
      code: 125,
      args: ["nosuch"],
      stderr: /Unable to find image 'nosuch:latest' locally/,
    },
    {
      name: "126 for a command that is a directory",
      code: 126,
      args: ["busybox", "/etc"],
      stderr: /permission denied/,
    },
    {
      name: "127 for a command that isn't there",
      code: 127,
      args: ["busybox", "nosuch"],
      stderr: /exec: "nosuch": executable file not found in \$PATH/,
    },
  ])("$name", async ({ code, args, stderr }) => {
    const outcome = await offline(...args);
    expect(outcome).toMatchObject({ code, stdout: "" });
    expect(outcome.stderr).toMatch(stderr);
  });
});

test("the exit code is 137 when the container is killed", async () => {
  const run = berth.run(["run", "--rm", "--network", "none", "--name", "victim", "busybox", "sleep", "1000"]);
  const running = ["ps", "--filter", "name=victim", "--format", "{{.ID}}"];
  await eventually(async () => ((await berth.out(running)) === "" ? undefined : true));
  await berth.out(["kill", "victim"]);
  expect(await run).toMatchObject({ code: 137 });
});

test.each([
  ["kill", ["--rm"], 137],
  ["kill", [], 137],
  ["rm -f", [], 137],
  ["rm -f", ["--rm"], 137],
] as const)(
  "run tells the exit code, though `%s` has done away with the container (%j) before it looks",
  async (verb, flags, code) => {
    const run = berth.start(["run", ...flags, "--network", "none", "--name", "unseen", "busybox", "sleep", "1000"]);
    const ended = once(run, "close");
    const running = ["ps", "--no-trunc", "--filter", "name=unseen", "--format", "{{.ID}}"];
    // It is started under a lock, which nobody could take from a stopped process.
    await eventually(async () => {
      const id = await berth.out(running);
      const lock = join(berth.directory, "run/locks", id);
      return id !== "" && (await runProgram("flock", ["-n", lock, "true"])).code === 0 ? true : undefined;
    });
    run.kill("SIGSTOP");
    await berth.out([...verb.split(" "), "unseen"]);
    run.kill("SIGCONT");
    expect(await ended).toEqual([code, null]);
    await berth.run(["rm", "unseen"]);
    const left = (): readonly string[] =>
      ["exits", "attended"].flatMap((place) => readdirSync(join(berth.directory, "run", place)));
    // What conmon starts at the end of a container may still be at it.
    await eventually(async () => (left().length === 0 ? true : undefined));
  },
);

describe("a flag reaches the container:", () => {
  test.each([
    { flags: ["-e", "GREETING=hello"], script: "echo $GREETING", stdout: "hello\n" },
    { flags: ["-w", "/new/place"], script: "pwd", stdout: "/new/place\n" },
    { flags: ["-u", "1000:1001"], script: "id -u; id -g", stdout: "1000\n1001\n" },
    { flags: ["-u", "mail"], script: "id -un", stdout: "mail\n" },
    { flags: ["--hostname", "ship"], script: "hostname", stdout: "ship\n" },
    {
      flags: ["--pids-limit", "77"],
      script: "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null || true",
      stdout: "77\n",
    },
    {
      flags: ["--memory", "64m"],
      script: "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || true",
      stdout: "67108864\n",
    },
    {
      flags: ["--cpus", "0.5"],
      script: "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null | cut -d' ' -f1",
      stdout: "50000\n",
    },
    {
      flags: ["--read-only"],
      script: "touch /x 2>&1 || echo refused",
      stdout: "touch: /x: Read-only file system\nrefused\n",
    },
  ])("$flags", async ({ flags, script, stdout }) => {
    expect(await offline(...flags, "busybox", "sh", "-c", script)).toEqual({ code: 0, stdout, stderr: "" });
  });
});

test("--env-file is read, and told when it isn't there: Node has a flag of this name", async () => {
  const file = join(await berth.files("env", { list: "A=from the file\n" }), "list");
  expect(await offline("--env-file", file, "busybox", "sh", "-c", "echo $A")).toMatchObject({
    stdout: "from the file\n",
  });
  const missing = await offline("--env-file", "/no/file", "busybox", "true");
  expect(missing.code).toBe(125);
  expect(missing.stderr).toMatch(/^berth: open \/no\/file: no such file or directory\n/);
});

test("--entrypoint takes the place of the image's command", async () => {
  expect(await offline("--entrypoint", "echo", "busybox", "a", "b")).toMatchObject({ code: 0, stdout: "a b\n" });
});

test("a bind mount shows the host's files and takes changes; a read-only one refuses them", async () => {
  const host = await berth.files("bound", { "file.txt": "from the host\n" });
  const script = "cat /data/file.txt; echo changed > /data/file.txt";
  expect(await offline("-v", `${host}:/data`, "busybox", "sh", "-c", script)).toMatchObject({
    code: 0,
    stdout: "from the host\n",
  });
  const readOnly = await offline("-v", `${host}:/data:ro`, "busybox", "sh", "-c", script);
  expect(readOnly).toMatchObject({ code: 1, stdout: "changed\n" });
  expect(readOnly.stderr).toContain("Read-only file system");
});

test("a named volume outlives its container", async () => {
  await offline("-v", "kept:/data", "busybox", "sh", "-c", "echo here > /data/file");
  expect(await offline("-v", "kept:/data", "busybox", "cat", "/data/file")).toMatchObject({
    code: 0,
    stdout: "here\n",
  });
});

test("with -i the container reads stdin to its end, without it nothing", async () => {
  const wc = ["busybox", "wc", "-c"];
  const run = ["run", "--rm", "--network", "none"];
  expect(await berth.run([...run, "-i", ...wc], { input: "x".repeat(200_000) })).toMatchObject({ stdout: "200000\n" });
  expect(await berth.run([...run, ...wc], { input: "four" })).toMatchObject({ stdout: "0\n" });
});

test("stdout and stderr arrive apart", async () => {
  const outcome = await offline("busybox", "sh", "-c", "echo out; echo err >&2");
  expect(outcome).toEqual({ code: 0, stdout: "out\n", stderr: "err\n" });
});

test("--rm leaves no container, and without it the container stays with its exit code", async () => {
  await offline("--name", "gone", "busybox", "true");
  await berth.run(["run", "--network", "none", "--name", "stays", "busybox", "sh", "-c", "exit 3"]);
  const names = await berth.out(["ps", "-a", "--format", "{{.Names}} {{.Status}}"]);
  expect(names).toMatch(/^stays Exited \(3\) /m);
  expect(names).not.toContain("gone");
  await berth.out(["rm", "stays"]);
});

test("-d prints the container's ID and the container goes on", async () => {
  const id = await berth.out(["run", "-d", "--network", "none", "busybox", "sleep", "1000"]);
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  expect(await berth.out(["inspect", "--format", "{{.State.Running}}", id])).toBe("true");
  await berth.out(["rm", "-f", id]);
});

test("a terminating signal to `berth run` goes to the container", async () => {
  const script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
  const child = berth.start(["run", "--rm", "--network", "none", "busybox", "sh", "-c", script]);
  let output = "";
  child.stdout?.on("data", (data: Buffer) => {
    output += data.toString();
  });
  await eventually(async () => (output.includes("ready") ? true : undefined));
  child.kill("SIGTERM");
  await once(child, "close");
  expect({ code: child.exitCode, output }).toEqual({ code: 9, output: "ready\ncaught\n" });
});

describe("the network", () => {
  test("none has only the loopback device", async () => {
    expect(await offline("busybox", "ls", "/sys/class/net")).toMatchObject({ stdout: "lo\n" });
  });

  test("bridge has an address, a gateway that answers, and the container's name in /etc/hosts", async () => {
    const script =
      "ping -c 1 -W 30 $(ip route | awk '/default/ {print $3}') > /dev/null && ls /sys/class/net; grep ship /etc/hosts | cut -f2";
    const { code, stdout } = await berth.run(["run", "--rm", "--hostname", "ship", "busybox", "sh", "-c", script]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "eth0\nlo\nship\n" });
  });

  test("bridge lets two containers reach each other by address", async () => {
    const server = await berth.out(["run", "-d", "busybox", "sh", "-c", "echo hello | nc -l -p 80"]);
    const address = await berth.out(["inspect", "--format", "{{.NetworkSettings.IPAddress}}", server]);
    const client = ["run", "--rm", "busybox", "sh", "-c", `until nc ${address} 80; do sleep 0.1; done`];
    expect(await berth.run(client)).toMatchObject({ code: 0, stdout: "hello\n" });
    await berth.out(["rm", "-f", server]);
  });

  test("host has the host's devices", async () => {
    const host = await berth.out(["run", "--rm", "--network", "host", "busybox", "readlink", "/proc/self/ns/net"]);
    expect(host).toMatch(/^net:\[\d+\]$/);
    expect(host).toBe(await readlink("/proc/self/ns/net"));
  });
});

test("isolation: no other processes, masked /proc files, Docker's capabilities, seccomp on", async () => {
  const script =
    "ps >/tmp/ps; wc -l </tmp/ps; cat /proc/kcore | head -c 1 | wc -c; grep -E '^(CapEff|Seccomp):' /proc/self/status";
  const { stdout } = await offline("busybox", "sh", "-c", script);
  expect(stdout.replace(/[ \t]+/g, " ")).toBe("3\n0\nCapEff: 00000000a80425fb\nSeccomp: 2\n");
});

test("a seccomp profile from a file decides on system calls, in exec as well", async () => {
  const syscalls = [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 122 }];
  const profile = JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls }, undefined, 2);
  await berth.files("profiles", {
    "no-mkdir.json": profile,
    "wrong.json": '{"defaultAction":"SOME"}',
    "none.json": "{",
  });
  const confined = ["--security-opt", "seccomp=profiles/no-mkdir.json"];
  const refused = { code: 1, stderr: "mkdir: can't create directory '/new': Disk quota exceeded\n" };
  expect(await offline(...confined, "busybox", "mkdir", "/new")).toMatchObject(refused);
  await berth.out(["run", "-d", "--network", "none", "--name", "confined", ...confined, "busybox", "sleep", "1000"]);
  expect(await berth.run(["exec", "confined", "mkdir", "/new"])).toMatchObject(refused);
  expect(await berth.out(["inspect", "-f", "{{index .HostConfig.SecurityOpt 0}}", "confined"])).toBe(
    `seccomp=${JSON.stringify(JSON.parse(profile))}`,
  );
  await berth.out(["rm", "-f", "confined"]);
  expect(await offline("--security-opt", "seccomp=profiles/wrong.json", "busybox", "true")).toMatchObject({
    code: 125,
    stderr: expect.stringContaining("Decoding seccomp profile failed: no action that berth knows"),
  });
  expect(await offline("--security-opt", "seccomp=profiles/none.json", "busybox", "true")).toMatchObject({
    code: 125,
    stderr: expect.stringContaining("compacting json for seccomp profile (profiles/none.json) failed: "),
  });
});

test("the first containers of an engine may start all at once, each with the seccomp filter that they make for those to come", async () => {
  await using other = await openBerthWithBusybox();
  const args = ["run", "--rm", "--network", "none", "busybox", "grep", "Seccomp:", "/proc/self/status"];
  for (const round of ["first", "later"]) {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => other.run(args)));
    for (const outcome of outcomes) expect({ round, ...outcome }).toMatchObject({ code: 0, stdout: "Seccomp:\t2\n" });
  }
});
