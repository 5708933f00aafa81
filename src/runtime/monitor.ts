import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { BerthError } from "../base/errors.ts";
import { ExecError } from "../host/exec.ts";
import type { Host } from "../host/host.ts";
import { startTime } from "../host/process.ts";
import { enterPath, inNamespace } from "./enter-script.ts";
import { joinMonitorCgroup } from "./monitor-cgroup.ts";
import { startError } from "./runtime-error.ts";

/** What conmon is told of a container. */
export interface MonitorOptions {
  readonly terminal: boolean;
  /** Keep standard input open for whoever attaches. */
  readonly stdin: boolean;
  /** Absolute path of the log. */
  readonly logPath: string;
  /** Runs when the container has ended. */
  readonly exitCommand: readonly [string, ...string[]];
  /** Directory in which conmon writes the exit code, in a file named by the container's ID. */
  readonly exitDirectory: string;
  /** The command that the container runs, for messages. */
  readonly command: string;
}

/** A container's first process. It outlives this one: any later command finds it by what is recorded. */
export interface MonitoredProcess {
  readonly pid: number;
  /** See `host/process.ts`. */
  readonly startTime: string;
}

/** Descriptors of the pipes that conmon finds by its environment. */
const syncFd = 3;
const startFd = 4;

/** conmon, started and waiting for a bundle. Disposing ends one that never got any. */
export interface Monitor extends Disposable {
  /**
   * Have it make the container of the bundle that now lies in its directory, and watch over it.
   *
   * @throws {StartError} in Docker's words, when the container can't be made
   */
  create(): Promise<MonitoredProcess>;
}

/** Start conmon before there is a bundle in `directory`: what it does until it needs one, it does meanwhile. */
export async function startMonitor(
  deps: { readonly host: Host; readonly runtime: readonly string[] },
  { id, directory }: { readonly id: string; readonly directory: string },
  options: MonitorOptions,
): Promise<Monitor> {
  const made = { recursive: true, mode: 0o700 };
  await Promise.all([mkdir(options.exitDirectory, made), mkdir(directory, made)]);
  // An earlier run's exit code would be taken for this one's.
  await rm(join(options.exitDirectory, id), { force: true });
  const child = spawn("conmon", monitorArguments(deps.runtime, { id, directory }, options), {
    detached: true,
    cwd: directory,
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      _OCI_SYNCPIPE: `${syncFd}`,
      _OCI_STARTPIPE: `${startFd}`,
    },
  });
  child.unref();
  await spawned(child);
  // The kernel lets the first change of a cgroup wait for some 15 ms, and those right after it pass: crun's are next.
  const joined = joinMonitorCgroup(deps.host.cgroup, child.pid ?? 0);
  // Looked at in `create`, which may never be called.
  joined.catch(() => undefined);
  let used = false;
  return {
    create: async () => {
      used = true;
      const process = await createdBy(child, options.command);
      await joined;
      // Out of the caller's cgroup, or the end of a login or of a CI unit would take the monitor with it.
      await joinMonitorCgroup(deps.host.cgroup, Number(await readFile(conmonPidPath(directory), "utf8")));
      return process;
    },
    [Symbol.dispose]: () => {
      if (!used) child.kill("SIGKILL");
    },
  };
}

async function createdBy(conmon: ChildProcess, command: string): Promise<MonitoredProcess> {
  const start = conmon.stdio[startFd] as Writable;
  start.end("\0");
  const report = parseReport(await firstLine(conmon.stdio[syncFd] as Readable));
  if (report.pid <= 0) throw startError(report.message, command);
  const started = startTime(report.pid);
  if (started === undefined) throw new BerthError("internal", "the container's process ended before it was started");
  return { pid: report.pid, startTime: started };
}

function monitorArguments(
  runtime: readonly string[],
  { id, directory }: { readonly id: string; readonly directory: string },
  options: MonitorOptions,
): readonly string[] {
  const [program = "", ...runtimeArguments] = [...inNamespace(enterPath(directory)), ...runtime];
  const [exitProgram, ...exitArguments] = options.exitCommand;
  return [
    ...["--api-version", "1", "--cid", id, "--cuuid", id, "--name", id],
    ...["--bundle", directory, "--full-attach", "--exit-dir", options.exitDirectory, "--persist-dir", directory],
    ...["--container-pidfile", join(directory, "pid"), "--conmon-pidfile", conmonPidPath(directory)],
    ...["--log-path", `k8s-file:${options.logPath}`, "--no-sync-log", "--log-level", "error"],
    // Whoever detaches from a terminal may come back and type on.
    ...(options.terminal ? ["--terminal", "--leave-stdin-open"] : []),
    ...(options.stdin ? ["--stdin"] : []),
    ...["--runtime", absolute(program)],
    ...runtimeArguments.map((argument) => `--runtime-arg=${argument}`),
    ...["--exit-command", absolute(exitProgram)],
    ...exitArguments.map((argument) => `--exit-command-arg=${argument}`),
  ];
}

/** conmon goes into the background: the process that was started isn't the one that stays. */
function conmonPidPath(directory: string): string {
  return join(directory, "conmon.pid");
}

/** conmon doesn't look along PATH. */
function absolute(program: string): string {
  return program.startsWith("/") ? program : `/usr/bin/${program}`;
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new ExecError(["conmon"], undefined, "", error)));
  });
}

/** conmon keeps the pipe open for as long as it lives. */
async function firstLine(stream: Readable): Promise<string> {
  let line = "";
  for await (const chunk of stream) {
    line += String(chunk);
    if (line.includes("\n")) break;
  }
  return line;
}

/** conmon writes one line: `{"data": 123}`, the process, or `{"data": -1, "message": "…"}`. */
function parseReport(line: string): { readonly pid: number; readonly message: string } {
  if (line.trim() === "") throw new BerthError("internal", "conmon ended without a word");
  const report: unknown = JSON.parse(line);
  if (typeof report !== "object" || report === null || !("data" in report) || typeof report.data !== "number") {
    throw new BerthError("internal", `conmon said ${line.trim()}`);
  }
  const message = "message" in report && typeof report.message === "string" ? report.message : "";
  return { pid: report.data, message };
}
