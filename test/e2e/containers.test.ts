import { once } from "node:events";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Berth, berthCommand, openBerthWithBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { runProgram, startProgram } from "../support/program.ts";

let berth: Berth;
beforeAll(async () => {
  berth = await openBerthWithBusybox();
});
afterAll(() => berth[Symbol.asyncDispose]());

const detached = (name: string, script: string, ...flags: readonly string[]) =>
  berth.out(["run", "-d", "--network", "none", "--name", name, ...flags, "busybox", "sh", "-c", script]);
/** What a container's script waits by, until `go` is called. */
const untilGo = "until test -e /go; do sleep 0.05; done";
/** What a process has open. */
const openFiles = (pid: number | undefined) =>
  readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
const go = (name: string) => berth.out(["exec", name, "touch", "/go"]);

test("ps shows Docker's columns, running containers only, and -a all of them", async () => {
  const id = await detached("up", "sleep 1000");
  await berth.run(["run", "--network", "none", "--name", "done", "busybox", "sh", "-c", "exit 5"]);
  const running = (await berth.out(["ps"])).split("\n");
  expect(running[0]).toMatch(/^CONTAINER ID {3}IMAGE {5}COMMAND +CREATED +STATUS +PORTS +NAMES$/);
  expect(running).toHaveLength(2);
  expect(running[1]).toMatch(new RegExp(`^${id.slice(0, 12)}   busybox   "sh -c 'sleep 1000'" .* ago +Up .* up$`));
  expect((await berth.out(["ps", "-a"])).split("\n")).toHaveLength(3);
  expect(await berth.out(["ps", "-a", "--filter", "status=exited", "--format", "{{.Names}}: {{.Status}}"])).toMatch(
    /^done: Exited \(5\) .* ago$/,
  );
  expect(await berth.out(["ps", "-q", "--no-trunc"])).toBe(id);
  await berth.out(["rm", "-f", "up", "done"]);
});

test("logs prints both streams, the last lines with --tail, and follows with -f until the end", async () => {
  await detached("talker", `echo one; echo two >&2; echo three; ${untilGo}; echo four`);
  const following = berth.run(["logs", "-f", "talker"]);
  await eventually(async () => {
    const { stdout, stderr } = await berth.run(["logs", "talker"]);
    return stdout === "one\nthree\n" && stderr === "two\n" ? true : undefined;
  });
  await go("talker");
  expect(await following).toEqual({ code: 0, stdout: "one\nthree\nfour\n", stderr: "two\n" });
  expect(await berth.run(["logs", "--tail", "1", "talker"])).toEqual({ code: 0, stdout: "four\n", stderr: "" });
  expect(await berth.out(["logs", "-t", "--tail", "1", "talker"])).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z four$/);
  await berth.out(["rm", "talker"]);
});

test("rm -f of a running container leaves nothing in the run root, though the directory of what conmon calls is gone by then", async () => {
  const id = await detached("forced", "sleep 1000");
  await berth.out(["exec", "-d", "forced", "sleep", "1000"]);
  await berth.out(["rm", "-f", "forced"]);
  const left = (): readonly string[] =>
    ["exits", "attended", "containers"].flatMap((place) =>
      readdirSync(join(berth.directory, "run", place)).filter((name) => name === id),
    );
  await eventually(async () => (left().length === 0 ? true : undefined));
});

test("what needs no directory works in one that was deleted; what needs it says so", async () => {
  const inDeleted = (...words: readonly string[]) => {
    const script = 'mkdir "$1" && cd "$1" && rmdir "$1" && shift && exec "$@"';
    const gone = join(berth.directory, "gone");
    return runProgram("sh", ["-c", script, "sh", gone, berthCommand, ...words], { env: berth.env });
  };
  expect(await inDeleted("ps", "-q")).toMatchObject({ code: 0, stdout: "" });
  const refused = await inDeleted("run", "--rm", "-v", "./x:/x", "busybox", "true");
  expect(refused.code).toBe(125);
  expect(refused.stderr).toContain("getwd: no such file or directory");
});

test("container prune leaves a container that is yet to be started by the process that made it", async () => {
  const library = join(import.meta.dirname, "../../dist/index.js");
  const script = `const { defaultRequest, openEngine } = await import(${JSON.stringify(library)});
    await using engine = await openEngine();
    const { id } = await engine.containers.create({ ...defaultRequest("busybox"), network: "none" });
    console.log(id);
    await new Promise((resolve) => process.stdin.once("data", resolve));
    process.exit(0);`;
  const maker = startProgram(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", script],
    {
      env: berth.env,
    },
  );
  const [said] = await once(maker.stdout ?? maker, "data");
  const id = String(said).trim();
  expect(await berth.out(["container", "prune", "-f"])).not.toContain(id);
  const ended = once(maker, "close");
  maker.stdin?.write("go");
  await ended;
  expect(await berth.out(["container", "prune", "-f"])).toContain(id);
});

test("container prune removes what doesn't run, and tells what; what runs stays, and so do volumes", async () => {
  await detached("runs", "sleep 1000");
  const stopped = await berth.out(["create", "-v", "/data", "busybox", "true"]);
  const ended = await detached("ended", "exit 3");
  await berth.run(["wait", "ended"]);
  const volume = await berth.out(["inspect", "--format", "{{(index .Mounts 0).Source}}", stopped]);
  const lines = (await berth.out(["container", "prune", "-f"])).split("\n");
  expect(lines.slice(0, 3).sort()).toEqual(["Deleted Containers:", stopped, ended].sort());
  expect(await berth.out(["ps", "-a", "--format", "{{.Names}}"])).toBe("runs");
  expect(existsSync(volume)).toBe(true);
  await berth.out(["rm", "-f", "runs"]);
});

describe("exec", () => {
  beforeAll(async () => {
    // With a command after it the shell stays, and sleep is its child.
    await detached("box", "echo ready; sleep 1000; exit");
    await eventually(async () => ((await berth.out(["logs", "box"])) === "ready" ? true : undefined));
  });
  afterAll(() => berth.out(["rm", "-f", "box"]));

  test.each([
    {
      name: "sees the container's files and processes",
      args: ["box", "cat", "/proc/1/comm"],
      code: 0,
      stdout: "sh\n",
    },
    { name: "ends with the command's code", args: ["box", "sh", "-c", "exit 6"], code: 6, stdout: "" },
    {
      name: "takes -e, -w and -u",
      args: ["-e", "A=b", "-w", "/tmp", "-u", "mail", "box", "sh", "-c", "echo $A $PWD $(id -un)"],
      code: 0,
      stdout: "b /tmp mail\n",
    },
    { name: "ends with 127 where there is no such command", args: ["box", "nosuch"], code: 127, stdout: "" },
    { name: "ends with 126 where it can't be run", args: ["box", "/etc"], code: 126, stdout: "" },
    { name: "ends with 1 where there is no such container", args: ["nosuch", "true"], code: 1, stdout: "" },
  ])("$name", async ({ args, code, stdout }) => {
    const outcome = await berth.run(["exec", ...args]);
    // Docker prints why a command could not be started on stdout or stderr, depending on its version.
    expect(outcome).toMatchObject({ code, ...(code < 126 ? { stdout } : {}) });
  });

  test("reads stdin with -i", async () => {
    expect(await berth.run(["exec", "-i", "box", "wc", "-c"], { input: "12345" })).toMatchObject({
      code: 0,
      stdout: "5\n",
    });
  });
});

test("stop sends the stop signal, and kills what doesn't heed it", async () => {
  await detached("heeds", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done");
  await detached("ignores", "trap '' TERM; echo ready; while :; do sleep 0.05; done");
  for (const name of ["heeds", "ignores"]) {
    await eventually(async () => ((await berth.out(["logs", name])) === "ready" ? true : undefined));
  }
  expect(await berth.out(["stop", "heeds"])).toBe("heeds");
  expect(await berth.out(["stop", "-t", "1", "ignores"])).toBe("ignores");
  const codes = ["inspect", "--format", "{{.State.ExitCode}} {{.State.Status}}", "heeds", "ignores"];
  expect(await berth.out(codes)).toBe("3 exited\n137 exited");
  expect(await berth.out(["wait", "heeds", "ignores"])).toBe("3\n137");
  await berth.out(["rm", "heeds", "ignores"]);
});

test("stop sends a real-time signal, as images with systemd want it", async () => {
  await detached("real", "trap 'exit 7' 37; echo ready; while :; do sleep 0.05; done", "--stop-signal", "SIGRTMIN+3");
  await eventually(async () => ((await berth.out(["logs", "real"])) === "ready" ? true : undefined));
  await berth.out(["stop", "-t", "60", "real"]);
  expect(await berth.out(["wait", "real"])).toBe("7");
  await berth.out(["rm", "real"]);
});

test("a stop signal that the kernel hasn't is taken as Docker takes it: stop kills after two seconds, kill refuses it", async () => {
  await berth.files("signal", { Dockerfile: "FROM busybox\nSTOPSIGNAL 999\n" });
  await berth.out(["build", "-q", "-t", "signal", "signal"]);
  await berth.out(["run", "-d", "--network", "none", "--name", "unheard", "signal", "sleep", "1000"]);
  expect((await berth.run(["kill", "-s", "999", "unheard"])).stderr).toBe(
    "Error response from daemon: cannot kill container: unheard: the linux daemon does not support signal 999\n",
  );
  const begun = performance.now();
  expect(await berth.out(["stop", "-t", "60", "unheard"])).toBe("unheard");
  expect(performance.now() - begun).toBeLessThan(30_000);
  expect(await berth.out(["inspect", "-f", "{{.State.ExitCode}}", "unheard"])).toBe("137");
});

test("stop waits for as long as it is told, be that for months", async () => {
  await detached("slow", "trap 'sleep 0.3; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
  await eventually(async () => ((await berth.out(["logs", "slow"])) === "ready" ? true : undefined));
  await berth.out(["stop", "-t", "9999999", "slow"]);
  expect(await berth.out(["inspect", "--format", "{{.State.ExitCode}}", "slow"])).toBe("3");
  await berth.out(["rm", "slow"]);
});

test("kill sends the signal that it is told", async () => {
  await detached("trapper", "trap 'exit 4' USR1; echo ready; while :; do sleep 0.05; done");
  await eventually(async () => ((await berth.out(["logs", "trapper"])) === "ready" ? true : undefined));
  await berth.out(["kill", "-s", "USR1", "trapper"]);
  expect(await berth.out(["wait", "trapper"])).toBe("4");
  expect(await berth.run(["kill", "trapper"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("is not running"),
  });
  await berth.out(["rm", "trapper"]);
});

test("wait blocks until the container ends", async () => {
  await detached("slow", `${untilGo}; exit 8`);
  const waiting = berth.out(["wait", "slow"]);
  await go("slow");
  expect(await waiting).toBe("8");
  await berth.out(["rm", "slow"]);
});

test("start runs a container again on the same files", async () => {
  await berth.run([
    "run",
    "--network",
    "none",
    "--name",
    "again",
    "busybox",
    "sh",
    "-c",
    "echo x >> /count; wc -l < /count",
  ]);
  expect(await berth.out(["start", "-a", "again"])).toBe("2");
  expect(await berth.out(["logs", "again"])).toBe("1\n2");
  await berth.out(["rm", "again"]);
});

test("wait tells how a container ended that others have removed before it looks", async () => {
  const id = await berth.out(["run", "-d", "--rm", "--network", "none", "busybox", "sh", "-c", `${untilGo}; exit 7`]);
  const waiting = berth.start(["wait", id]);
  let told = "";
  waiting.stdout?.on("data", (data: Buffer) => {
    told += data.toString();
  });
  const closed = once(waiting, "close");
  await eventually(async () => openFiles(waiting.pid).includes("anon_inode:inotify") || undefined);
  waiting.kill("SIGSTOP");
  await go(id);
  await eventually(async () => !(await berth.out(["ps", "-aq", "--no-trunc"])).includes(id) || undefined);
  waiting.kill("SIGCONT");
  await closed;
  expect(told).toBe("7\n");
  expect((await berth.run(["system", "check"])).code).toBe(0);
});

test("an anonymous volume goes with its own container only, and not while another has it", async () => {
  const own = await berth.out(["create", "--network", "none", "-v", "/data", "busybox", "cat", "/data/kept"]);
  const volume = await berth.out(["inspect", "--format", "{{(index .Mounts 0).Name}}", own]);
  const sharing = ["--network", "none", "-v", `${volume}:/shared`, "busybox"];
  await berth.out(["run", "--rm", ...sharing, "sh", "-c", "echo still here >/shared/kept"]);
  expect(await berth.out(["start", "-a", own])).toBe("still here");
  const other = await berth.out(["create", ...sharing, "cat", "/shared/kept"]);
  await berth.out(["rm", "-v", own]);
  expect(await berth.out(["start", "-a", other])).toBe("still here");
  await berth.out(["rm", "-v", other]);
  expect(await berth.out(["system", "prune", "--volumes", "-f"])).toContain(volume);
});

test("a container that can't be made leaves no anonymous volume", async () => {
  const volumes = () => readdirSync(join(berth.env["BERTH_ROOT"] as string, "volumes"));
  await berth.out(["create", "--name", "first", "-v", "/data", "busybox"]);
  const before = volumes();
  for (const wrong of [
    ["--name", "first"],
    ["--mount", "type=bind,source=/nowhere,target=/later"],
  ]) {
    expect((await berth.run(["create", ...wrong, "-v", "/data", "busybox"])).code).toBe(1);
    expect(volumes()).toEqual(before);
  }
  await berth.out(["rm", "-v", "first"]);
  expect(volumes()).toHaveLength(before.length - 1);
});

test("of commands that settle the same end one removes the container, and the others leave no lock behind", async () => {
  const id = await detached("ended", untilGo, "--rm");
  const lock = join(berth.env["BERTH_RUN_ROOT"] ?? "", "locks", id);
  const holder = startProgram("flock", [lock, "sh", "-c", "echo held; read end"], {});
  await once(holder.stdout ?? holder, "data");
  await go("ended");
  const settling = [1, 2, 3].map(() => berth.out(["internal-exited", id]));
  // By then all of them wait for the lock, or have seen that the container still runs.
  await sleep(1000);
  holder.stdin?.end();
  await Promise.all(settling);
  expect(await eventually(async () => ((await berth.out(["ps", "-aq"])) === "" ? true : undefined))).toBe(true);
  expect(await eventually(async () => (existsSync(lock) ? undefined : "gone"), 5)).toBe("gone");
});

test("rm refuses a running container until it is forced", async () => {
  await detached("busy", "sleep 1000");
  const refused = await berth.run(["rm", "busy"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`cannot remove container "busy": container is running`);
  expect(await berth.out(["rm", "-f", "busy"])).toBe("busy");
  expect(await berth.out(["ps", "-aq"])).toBe("");
});

test("inspect gives one JSON array for all that it is asked about, and 1 for what isn't there", async () => {
  await berth.run([
    "run",
    "--network",
    "none",
    "--name",
    "seen",
    "-e",
    "A=b",
    "-l",
    "k=v",
    "busybox",
    "sh",
    "-c",
    "exit 2",
  ]);
  const { code, stdout, stderr } = await berth.run(["inspect", "seen", "nosuch"]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: "Error: No such object: nosuch\n" });
  expect(JSON.parse(stdout)).toMatchObject([
    {
      Name: "/seen",
      Path: "sh",
      Args: ["-c", "exit 2"],
      State: { Status: "exited", Running: false, ExitCode: 2, OOMKilled: false },
      Config: { Image: "busybox", Labels: { k: "v" }, Env: expect.arrayContaining(["A=b"]) },
      HostConfig: { NetworkMode: "none" },
    },
  ]);
  await berth.out(["rm", "seen"]);
});

test("names are unique, and two containers may start at once", async () => {
  const starts = await Promise.all(["port", "quay"].map((name) => detached(name, "sleep 1000")));
  expect(new Set(starts).size).toBe(2);
  const taken = await berth.run(["run", "-d", "--network", "none", "--name", "port", "busybox", "true"]);
  expect(taken.code).toBe(125);
  expect(taken.stderr).toContain(`Conflict. The container name "/port" is already in use by container "${starts[0]}"`);
  await berth.out(["rm", "-f", "port", "quay"]);
});

test("attach shows what a running container prints from now on and ends with its code", async () => {
  await detached("stage", "echo early; until test -e /go; do echo now; sleep 0.05; done; echo late; exit 12");
  await eventually(async () => ((await berth.out(["logs", "stage"])).startsWith("early\n") ? true : undefined));
  const child = berth.start(["attach", "stage"]);
  const closed = once(child, "close");
  let output = "";
  child.stdout?.on("data", (data: Buffer) => {
    output += data.toString();
  });
  await eventually(async () => (output.includes("now\n") ? true : undefined));
  await go("stage");
  await closed;
  expect({ code: child.exitCode, output }).toEqual({
    code: 12,
    output: expect.stringMatching(/^(now\n)+late\n$/),
  });
  await berth.out(["rm", "stage"]);
});

test("a container that was started again is stopped like any other", async () => {
  await berth.out(["run", "-d", "--name", "again", "--network", "none", "busybox", "sleep", "60"]);
  await berth.out(["kill", "again"]);
  expect(await berth.out(["wait", "again"])).toBe("137");
  await berth.out(["start", "again"]);
  await berth.out(["stop", "-t", "1", "again"]);
  expect(await berth.out(["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "again"])).toBe("exited 137");
});
