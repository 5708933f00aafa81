import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test, vi } from "vitest";
import { randomID } from "../base/ids.ts";
import { scratchOfFile } from "../base/testing.ts";
import { exec } from "../host/exec.ts";
import { openHost } from "../host/host.ts";
import { childrenOf, isAlive } from "../host/process.ts";
import { linux, type Syscalls } from "../host/syscalls.ts";
import type { RuntimeSpec } from "../oci/runtime-spec.ts";
import { type AttachIO, attach } from "./attach.ts";
import { type Bundle, createBundle } from "./bundle.ts";
import { waitExit } from "./exit.ts";
import { readLogs } from "./logs.ts";
import { runBundle } from "./run-bundle.ts";
import { openRuntime } from "./runtime.ts";
import { Shells } from "./waiting-shell.ts";
import { resize } from "./window-size.ts";

const place = scratchOfFile("runtime");
const host = openHost({ root: join(place, "root"), runRoot: join(place, "run") });
const runtime = openRuntime(host);
const exitDirectory = join(place, "exits");
const image = join(place, "image");
mkdirSync(join(image, "bin"), { recursive: true });
for (const directory of ["proc", "dev", "tmp"]) mkdirSync(join(image, directory));
copyFileSync("/usr/bin/busybox", join(image, "bin", "busybox"));
for (const applet of ["sh", "cat", "sleep", "echo", "stty", "true"]) symlinkSync("busybox", join(image, "bin", applet));

function specOf(args: readonly string[], terminal: boolean, id: string): RuntimeSpec {
  return {
    ociVersion: "1.0.2",
    process: {
      terminal,
      user: { uid: 0, gid: 0 },
      args,
      env: ["PATH=/bin"],
      cwd: "/",
      capabilities: { bounding: [], effective: [], permitted: [] },
    },
    root: { path: "rootfs" },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc", options: [] },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
    ],
    linux: {
      namespaces: ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type })),
      cgroupsPath: `/berth-test/${id}`,
      resources: {},
    },
  };
}

function bundleOf(id: string, args: readonly string[], terminal = false): Promise<Bundle> {
  return createBundle(join(place, "run", "containers", id), {
    id,
    spec: specOf(args, terminal, id),
    rootfs: [{ type: "none", source: image, options: ["bind", "ro"] }],
    host,
  });
}

interface Started extends AsyncDisposable {
  readonly id: string;
  readonly bundle: Bundle;
  readonly log: string;
  /** What came over the attachment, until the end. */
  readonly output: Promise<string>;
  readonly pid: number;
  readonly startTime: string;
  readonly ended: ReturnType<typeof waitExit>;
}

async function start(
  args: readonly string[],
  options: { terminal?: boolean; stdin?: PassThrough; onOutput?: AttachIO["onOutput"] } = {},
): Promise<Started> {
  const id = randomID();
  const { terminal = false, stdin } = options;
  const bundle = await bundleOf(id, args, terminal);
  const log = join(place, `${id}.log`);
  using monitor = await runtime.monitor(id, bundle.path, {
    terminal,
    stdin: stdin !== undefined,
    logPath: log,
    exitCommand: ["true"],
    exitDirectory,
    command: args[0] ?? "",
  });
  const monitored = await monitor.create();
  let output = "";
  const onOutput: AttachIO["onOutput"] = (stream, data) => {
    output += Buffer.from(data).toString();
    options.onOutput?.(stream, data);
  };
  const attachment = attach(host.syscalls, bundle.path, { onOutput, ...(stdin === undefined ? {} : { stdin }) });
  await runtime.start(id);
  return {
    id,
    bundle,
    log,
    output: attachment.ended.then(() => output),
    pid: monitored.pid,
    startTime: monitored.startTime,
    ended: waitExit({ id, exitDirectory, bundle: bundle.path }),
    [Symbol.asyncDispose]: async () => {
      await runtime.delete(id, { force: true });
      await bundle[Symbol.asyncDispose]();
    },
  };
}

test("output is complete and the exit code is the command's own", async () => {
  await using container = await start(["sh", "-c", "echo out; echo err >&2; exit 42"]);
  expect((await container.output).split("\n").sort()).toEqual(["", "err", "out"]);
  expect(await container.ended).toEqual({ code: 42, oomKilled: false });
  const outputs = await Array.fromAsync(readLogs(container.log));
  expect(outputs.map(({ stream, data }) => `${stream} ${Buffer.from(data)}`).sort()).toEqual([
    "stderr err\n",
    "stdout out\n",
  ]);
});

test("the end of input reaches the container", async () => {
  const stdin = new PassThrough();
  await using container = await start(["cat"], { stdin });
  stdin.end("hello\n");
  expect(await container.output).toBe("hello\n");
  expect((await container.ended).code).toBe(0);
});

test("a megabyte of input arrives whole", async () => {
  const stdin = new PassThrough();
  await using container = await start(["sh", "-c", "cat | busybox wc -c"], { stdin });
  stdin.end(Buffer.alloc(1 << 20, "x"));
  expect((await container.output).trim()).toBe(String(1 << 20));
});

test("a terminal has the size that it is told", async () => {
  const stdin = new PassThrough();
  await using container = await start(["sh", "-c", "read x; stty size"], { terminal: true, stdin });
  await resize(host.syscalls, container.bundle.path, { rows: 33, columns: 101 });
  stdin.write("\n");
  expect(await container.output).toContain("33 101");
});

test("a signal ends it with 128 and the signal's number", async () => {
  await using container = await start(["sleep", "60"]);
  await runtime.kill(container.id, 9);
  expect((await container.ended).code).toBe(137);
  expect(isAlive(container.pid, container.startTime)).toBe(false);
});

test("what is paused is ended by SIGKILL all the same, and is no more to be resumed", { timeout: 20_000 }, async () => {
  await using container = await start(["sleep", "60"]);
  await runtime.pause(container.id);
  await runtime.kill(container.id, 9);
  expect((await container.ended).code).toBe(137);
  await runtime.delete(container.id, { force: true });
  await runtime.resume(container.id);
});

test("who detaches is free at once, and the container goes on", async () => {
  await using container = await start(["sleep", "60"]);
  const attachment = attach(host.syscalls, container.bundle.path, { onOutput: () => undefined });
  // Long enough for the read to be under way.
  await new Promise((resolve) => setTimeout(resolve, 50));
  attachment[Symbol.dispose]();
  await attachment.ended;
  attachment[Symbol.dispose]();
  expect(isAlive(container.pid, container.startTime)).toBe(true);
});

test("another process with the number of a monitor that is gone is not taken for it", async () => {
  const bundle = mkdtempSync(join(place, "bundle-"));
  writeFileSync(join(bundle, "conmon.pid"), String(process.pid));
  expect((await waitExit({ id: randomID(), exitDirectory: place, bundle })).code).toBe(255);
});

test("waiting for one container takes no notice of another's end, and stops when it is told to", async () => {
  await using container = await start(["sleep", "60"]);
  const controller = new AbortController();
  const waiting = waitExit(
    { id: container.id, exitDirectory, bundle: container.bundle.path },
    { signal: controller.signal },
  );
  writeFileSync(join(exitDirectory, "another"), "0");
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await expect(waiting).rejects.toThrow("enough");
});

test("the end of a container is seen also where the kernel watches no more directories", async () => {
  const id = randomID();
  writeFileSync(join(place, id), "3");
  const wait = `import { waitExit } from ${JSON.stringify(import.meta.resolve("./exit.ts"))};
    console.log((await waitExit(${JSON.stringify({ id, exitDirectory: place, bundle: place })})).code);`;
  const without = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"';
  const program = [process.execPath, "--input-type=module", "--eval", wait];
  const { stdout } = await exec(["unshare", "--user", "--map-root-user", "sh", "-c", without, "sh", ...program]);
  expect(stdout).toBe("3\n");
});

test("nobody waits for a monitor that was killed", async () => {
  await using container = await start(["sleep", "60"]);
  process.kill(Number(readFileSync(join(container.bundle.path, "conmon.pid"), "utf8")), "SIGKILL");
  expect((await container.ended).code).toBe(255);
});

test("its mounts are nowhere on the host, and nothing is left of its cgroup", async () => {
  await using container = await start(["sleep", "60"]);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(container.id);
  expect(readFileSync(`/proc/${container.pid}/cgroup`, "utf8")).toContain(`/berth-test/${container.id}`);
  await runtime.kill(container.id, 9);
  await container.ended;
  await runtime.delete(container.id, { force: true });
  expect(existsSync(`/sys/fs/cgroup/memory/berth-test/${container.id}`)).toBe(false);
});

test.runIf(host.cgroup.hybrid)("nothing is left beneath the hierarchy that crun doesn't see", async () => {
  const id = randomID();
  await using bundle = await bundleOf(id, ["true"]);
  expect(await runtime.run(id, bundle, { onOutput: () => undefined })).toBe(0);
  const look = `umount -l /sys/fs/cgroup/unified; find /sys/fs/cgroup/unified -name ${id}`;
  expect((await exec(["unshare", "--mount", "sh", "-c", look])).stdout).toBe("");
});

test("a process that is run inside gives its output and exit code", async () => {
  await using container = await start(["sleep", "60"]);
  const spec = { ...specOf(["sh", "-c", "cat; exit 7"], false, container.id).process };
  const stdin = new PassThrough();
  stdin.end("in");
  let output = "";
  const onOutput: AttachIO["onOutput"] = (_stream, data) => {
    output += Buffer.from(data);
  };
  const subjectOf = (process: typeof spec) => ({ id: container.id, terminal: false, process: () => process });
  const process = await runtime.exec(subjectOf(spec), { stdin, onOutput });
  await process?.ended;
  expect({ code: await process?.exitCode, output }).toEqual({ code: 7, output: "in" });
  await expect(runtime.exec(subjectOf({ ...spec, args: ["nosuch"] }), { onOutput })).rejects.toMatchObject({
    exitCode: 127,
  });
  expect(output).toBe("in");
  await vi.waitUntil(() => readdirSync(join(place, "run", "exec")).length === 0, { timeout: 120_000 });
});

test.each([
  ["nosuch", 127, 'exec: "nosuch": executable file not found in $PATH'],
  ["/nosuch", 127, 'exec: "/nosuch": stat /nosuch: no such file or directory'],
  ["/bin", 126, 'exec: "/bin": '],
])("a command that can't be started, %s, is told in Docker's words", async (command, exitCode, message) => {
  await expect(start([command])).rejects.toMatchObject({ exitCode, message: expect.stringContaining(message) });
});

test("a build step's output and exit code come back, and nothing else", async () => {
  const id = randomID();
  await using bundle = await bundleOf(id, ["sh", "-c", "echo out; echo err >&2; exit 3"]);
  const seen: string[] = [];
  const onOutput: AttachIO["onOutput"] = (stream, data) => seen.push(`${stream} ${Buffer.from(data)}`);
  expect(await runtime.run(id, bundle, { onOutput })).toBe(3);
  expect(seen.sort()).toEqual(["stderr err\n", "stdout out\n"]);
  expect(existsSync(join(place, "run", "crun", id))).toBe(false);
});

test("build steps run in shells that were started ahead, and the one too many ends", async () => {
  const shells = new Shells(host);
  const seen: string[] = [];
  for (const word of ["one", "two"]) {
    const id = randomID();
    await using bundle = await bundleOf(id, ["sh", "-c", `echo ${word}; cat; exit 4`]);
    const onOutput: AttachIO["onOutput"] = (_stream, data) => seen.push(String(Buffer.from(data)));
    expect(await runtime.run(id, bundle, { onOutput }, shells)).toBe(4);
  }
  expect(seen).toEqual(["one\n", "two\n"]);
  using left = shells.take();
  expect(left.child.exitCode).toBeNull();
  left[Symbol.dispose]();
  expect(await left.ended).toBe(0);
});

test("a build step runs also where the shell that was started ahead was killed, or none could be", async () => {
  const output = async (shells: Shells): Promise<string> => {
    const id = randomID();
    await using bundle = await bundleOf(id, ["echo", "done"]);
    let seen = "";
    const onOutput: AttachIO["onOutput"] = (_stream, data) => {
      seen += Buffer.from(data);
    };
    await runtime.run(id, bundle, { onOutput }, shells);
    return seen;
  };
  using shells = new Shells(host);
  const before = childrenOf(process.pid) ?? [];
  shells.prepare();
  const [ahead] = (childrenOf(process.pid) ?? []).filter((pid) => !before.includes(pid));
  process.kill(ahead ?? 0, "SIGKILL");
  await vi.waitUntil(() => !(childrenOf(process.pid) ?? []).includes(ahead ?? 0));
  expect(await output(shells)).toBe("done\n");
  let pipes = 0;
  const pipe = (): ReturnType<Syscalls["pipe"]> => {
    // Two for the first, one for the next.
    if (++pipes > 3) throw new Error("no more descriptors");
    return linux.pipe();
  };
  using short = new Shells({ syscalls: { ...linux, pipe } });
  expect(await output(short)).toBe("done\n");
  expect(pipes).toBe(4);
});

test("a build step that is cancelled isn't asked to end, but is gone", async () => {
  const id = randomID();
  const script = "trap 'echo asked' TERM INT; echo started; while :; do sleep 0.05; done";
  await using bundle = await bundleOf(id, ["sh", "-c", script]);
  const controller = new AbortController();
  let output = "";
  const onOutput: AttachIO["onOutput"] = (_stream, data) => {
    output += Buffer.from(data);
    controller.abort(new Error("enough"));
  };
  await expect(runtime.run(id, bundle, { onOutput, signal: controller.signal })).rejects.toThrow("enough");
  expect(output).toBe("started\n");
  expect(existsSync(join(place, "run", "crun", id))).toBe(false);
});

test("a build step is gone also where its runtime knows it no more while it runs", { timeout: 20_000 }, async () => {
  const id = randomID();
  await using bundle = await bundleOf(id, ["sh"]);
  const forgetful = join(place, "forgetful");
  const script = `case "$*" in *bundle*) sleep 600 & echo started; wait; exit 137;; *) echo "does not exist" >&2; exit 1;; esac`;
  writeFileSync(forgetful, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const controller = new AbortController();
  const onOutput: AttachIO["onOutput"] = () => controller.abort(new Error("enough"));
  const io = { onOutput, signal: controller.signal };
  const running = runBundle({ runtime: [forgetful], host }, { id, bundle }, io);
  await expect(running).rejects.toThrow("enough");
});
