import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { BerthError } from "../base/errors.ts";
import { ExecError } from "../host/exec.ts";
import type { Host } from "../host/host.ts";
import { startTime } from "../host/process.ts";
import type { Bundle } from "./bundle.ts";
import { inNamespace } from "./enter-script.ts";
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

/**
 * Start conmon, which makes the container by the runtime and watches over it.
 *
 * @throws {StartError} in Docker's words, when the container can't be made
 */
export async function monitorContainer(
  deps: { readonly host: Host; readonly runtime: readonly string[] },
  { id, bundle }: { readonly id: string; readonly bundle: Bundle },
  options: MonitorOptions,
): Promise<MonitoredProcess> {
  await mkdir(options.exitDirectory, { recursive: true, mode: 0o700 });
  // An earlier run's exit code would be taken for this one's.
  await rm(join(options.exitDirectory, id), { force: true });
  const child = spawn("conmon", monitorArguments(deps.runtime, { id, bundle }, options), {
    detached: true,
    cwd: bundle.path,
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      _OCI_SYNCPIPE: `${syncFd}`,
      _OCI_STARTPIPE: `${startFd}`,
    },
  });
  child.unref();
  await spawned(child);
  // Out of the caller's cgroup, or the end of a login or of a CI unit would take the monitor with it.
  joinMonitorCgroup(deps.host.cgroup, child.pid ?? 0);
  const start = child.stdio[startFd] as Writable;
  start.end("\0");
  const report = parseReport(await firstLine(child.stdio[syncFd] as Readable));
  if (report.pid <= 0) throw startError(report.message, options.command);
  const started = startTime(report.pid);
  if (started === undefined) throw new BerthError("internal", "the container's process ended before it was started");
  return { pid: report.pid, startTime: started };
}

function monitorArguments(
  runtime: readonly string[],
  { id, bundle }: { readonly id: string; readonly bundle: Bundle },
  options: MonitorOptions,
): readonly string[] {
  const [program = "", ...runtimeArguments] = [...inNamespace(bundle.enter), ...runtime];
  const [exitProgram, ...exitArguments] = options.exitCommand;
  return [
    ...["--api-version", "1", "--cid", id, "--cuuid", id, "--name", id],
    ...["--bundle", bundle.path, "--full-attach", "--exit-dir", options.exitDirectory, "--persist-dir", bundle.path],
    ...["--container-pidfile", join(bundle.path, "pid"), "--conmon-pidfile", join(bundle.path, "conmon.pid")],
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
