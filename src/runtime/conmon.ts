import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { BerthError, codeOf } from "../base/errors.ts";
import { ExecError } from "../host/exec.ts";
import type { Host } from "../host/host.ts";
import { joinMonitorCgroup } from "./monitor-cgroup.ts";

/** A conmon that was just started and waits. It goes on when this process ends; disposing closes the pipes to it. */
export interface Conmon extends Disposable {
  /** Let it go on where it waits for this process. */
  readonly proceed: () => void;
  /** The next thing that it reports; undefined when it has ended. @throws {BerthError} internal, for what can't be understood */
  readonly report: () => Promise<Report | undefined>;
  /** Resolves when the attach socket of a process that is run in a container is there. */
  readonly attachable: () => Promise<void>;
  /** Resolves when it is out of the caller's cgroup, whose end would take it along; ask once it has reported. */
  readonly moved: () => Promise<void>;
  /** End one that was never let go on. */
  readonly kill: () => void;
}

/** `{"data": 123}`: a process, or an exit code; `{"data": -1, "message": "…"}`, what went wrong. */
export interface Report {
  readonly data: number;
  readonly message: string;
}

/** Descriptors of the pipes that conmon finds by its environment. */
const pipes = { _OCI_SYNCPIPE: 3, _OCI_STARTPIPE: 4, _OCI_ATTACHPIPE: 5 } as const;

/** Start conmon in a directory that is there. @throws {ExecError} when there is no conmon */
export async function startConmon(host: Host, directory: string, args: readonly string[]): Promise<Conmon> {
  const child = spawn("conmon", args, {
    detached: true,
    cwd: directory,
    stdio: ["ignore", "ignore", "ignore", "pipe", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      ...Object.fromEntries(Object.entries(pipes).map(([name, fd]) => [name, String(fd)])),
    },
  });
  child.unref();
  await spawned(child);
  // The kernel lets the first change of a cgroup wait for some 15 ms, and those right after it pass: crun's are next.
  const joined = joinMonitorCgroup(host.cgroup, child.pid ?? 0);
  // Looked at in `moved`, which may never be called.
  joined.catch(() => undefined);
  const [sync, start, attach] = child.stdio.slice(pipes._OCI_SYNCPIPE) as [Readable, Writable, Readable];
  const [reports, attachReports] = [linesOf(sync), linesOf(attach)];
  return {
    proceed: () => void start.write("\0"),
    report: async () => parseReport(await reports()),
    attachable: async () => void (await attachReports()),
    moved: async () => {
      await joined;
      const pid = await backgroundPid(directory);
      if (pid !== undefined) await joinMonitorCgroup(host.cgroup, pid);
    },
    kill: () => void child.kill("SIGKILL"),
    [Symbol.dispose]: () => {
      for (const pipe of [sync, start, attach]) pipe.destroy();
    },
  };
}

/** conmon goes into the background: the process that was started isn't the one that stays. */
export function conmonPidPath(directory: string): string {
  return join(directory, "conmon.pid");
}

/** Undefined when it has ended and its directory is gone. */
async function backgroundPid(directory: string): Promise<number | undefined> {
  try {
    return Number(await readFile(conmonPidPath(directory), "utf8"));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The flags that tell conmon its runtime. */
export function runtimeWords([program = "", ...args]: readonly string[]): readonly string[] {
  return ["--runtime", absolute(program), ...args.map((argument) => `--runtime-arg=${argument}`)];
}

/** conmon doesn't look along PATH. */
export function absolute(program: string): string {
  return program.startsWith("/") ? program : `/usr/bin/${program}`;
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error) => reject(new ExecError(["conmon"], undefined, {}, error)));
  });
}

/** Gives one line after the other; an empty one after the end. node:readline would take 3 ms of every start. */
function linesOf(input: Readable): () => Promise<string> {
  const chunks = input[Symbol.asyncIterator]();
  let text = "";
  return async () => {
    while (!text.includes("\n")) {
      const { value, done } = await chunks.next();
      if (done === true) return "";
      text += String(value);
    }
    const end = text.indexOf("\n");
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    return line;
  };
}

function parseReport(line: string): Report | undefined {
  if (line.trim() === "") return undefined;
  const report: unknown = JSON.parse(line);
  if (typeof report !== "object" || report === null || !("data" in report) || typeof report.data !== "number") {
    throw new BerthError("internal", `conmon said ${line.trim()}`);
  }
  const message = "message" in report && typeof report.message === "string" ? report.message : "";
  return { data: report.data, message };
}
