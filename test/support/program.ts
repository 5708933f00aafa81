import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** What a program did: its exit code (128 + the signal where one ended it) and what it printed. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is started. */
export interface Start {
  /** What it reads on stdin, which ends then; nothing at first. */
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  /** Variables beside this process's own. */
  readonly env?: Readonly<Record<string, string>>;
}

const signals: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 };

/** Run a program to its end. */
export async function runProgram(program: string, args: readonly string[], start: Start = {}): Promise<Outcome> {
  const child = startProgram(program, args, start);
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
    });
  }
  // A program that ends before it has read all of its input is no failure of the test.
  child.stdin?.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  child.stdin?.end(start.input ?? "");
  await once(child, "close");
  return { code: child.exitCode ?? 128 + (signals[child.signalCode ?? ""] ?? 0), ...output };
}

/** Start a program with pipes, and leave it running. */
export function startProgram(program: string, args: readonly string[], start: Start = {}): ChildProcess {
  return spawn(program, args, { cwd: start.cwd, env: { ...process.env, ...start.env }, stdio: "pipe" });
}
