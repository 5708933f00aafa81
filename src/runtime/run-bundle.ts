import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { ExecError, exec } from "../host/exec.ts";
import { childrenOf, killIfThere } from "../host/process.ts";
import type { Syscalls } from "../host/syscalls.ts";
import type { Bundle } from "./bundle.ts";
import { inNamespace } from "./enter-script.ts";
import { openPipe } from "./pipe.ts";
import { startError } from "./runtime-error.ts";

/** Where the output of a build step goes. */
export interface RunIO extends Pick<Operation, "signal"> {
  readonly onOutput: (stream: "stdout" | "stderr", data: Uint8Array) => void;
}

/** Milliseconds between two tries to end a container. */
const retryPause = 20;

/**
 * Run a bundle to its end: one process between this one and the container's.
 *
 * @throws {StartError} when it could not be started
 * @throws the signal's reason, when it was cancelled; the container is gone by then
 */
export async function runBundle(
  { runtime, syscalls }: { readonly runtime: readonly string[]; readonly syscalls: Syscalls },
  { id, bundle }: { readonly id: string; readonly bundle: Bundle },
  { onOutput, signal }: RunIO,
): Promise<number> {
  signal?.throwIfAborted();
  const [program, ...args] = commandLine(runtime, { id, bundle });
  const stdout = openPipe(syscalls, join(bundle.path, "stdout"));
  const stderr = openPipe(syscalls, join(bundle.path, "stderr"));
  // In a session of its own: Ctrl-C at the terminal is for this process, which stops the container and knows why it ended.
  const child = spawn(program, args, { stdio: ["ignore", stdout.writeEnd, stderr.writeEnd], detached: true });
  for (const { writeEnd } of [stdout, stderr]) closeSync(writeEnd);
  stdout.reader.on("data", (data: Buffer) => onOutput("stdout", data));
  stderr.reader.on("data", (data: Buffer) => onOutput("stderr", data));
  const ended = exitOf(child).then(async (code) => {
    await Promise.all([stdout.ended, stderr.ended]);
    return code;
  });
  const code = await stoppable({ runtime, id, child, signal }, ended);
  if (code !== 0) await throwStartError(bundle);
  return code;
}

/**
 * The same on this process's standard streams, and on its terminal where the specification has one.
 *
 * @throws as {@link runBundle}
 */
export async function runBundleAttached(
  { runtime }: { readonly runtime: readonly string[] },
  { id, bundle }: { readonly id: string; readonly bundle: Bundle },
  { signal }: Operation = {},
): Promise<number> {
  signal?.throwIfAborted();
  const [program, ...args] = commandLine(runtime, { id, bundle });
  const child = spawn(program, args, { stdio: "inherit" });
  const ended = exitOf(child);
  const code = await stoppable({ runtime, id, child, signal }, ended);
  if (code !== 0) await throwStartError(bundle);
  return code;
}

function commandLine(
  runtime: readonly string[],
  { id, bundle }: { readonly id: string; readonly bundle: Bundle },
): readonly [string, ...string[]] {
  const [enter = "", ...words] = inNamespace(bundle.enter);
  return [enter, ...words, ...runtime, `--log=file:${logPath(bundle)}`, "run", `--bundle=${bundle.path}`, id];
}

function logPath({ path }: Bundle): string {
  return join(path, "runtime.log");
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, killedBy) => resolve(code ?? (killedBy === null ? 255 : 137)));
  });
}

interface Stoppable {
  readonly runtime: readonly string[];
  readonly id: string;
  /** What makes the container and waits for its end. */
  readonly child: ChildProcess;
  readonly signal: AbortSignal | undefined;
}

/** Wait for a container's end; delete it when the signal aborts, and throw the signal's reason then. */
async function stoppable(container: Stoppable, ended: Promise<number>): Promise<number> {
  const { signal } = container;
  let running = true;
  const stop = async (): Promise<void> => {
    while (running) {
      await kill(container);
      await sleep(retryPause);
    }
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const code = await ended;
    if (signal?.aborted === true) await remove(container);
    signal?.throwIfAborted();
    return code;
  } finally {
    running = false;
    signal?.removeEventListener("abort", stop);
  }
}

/**
 * Kill what a container's runtime has started so far; the container may just be being made. To delete it while the runtime is there could
 * take its record away and leave its process, which nobody would end any more.
 */
async function kill(container: Stoppable): Promise<void> {
  const { pid, exitCode, signalCode } = container.child;
  const isThere = pid !== undefined && exitCode === null && signalCode === null;
  const started = isThere ? childrenOf(pid) : undefined;
  if (started === undefined) await remove(container);
  else for (const each of started) killIfThere(each);
}

/** Forget a container, and what is left of it. */
async function remove({ runtime: [crun = "", ...options], id }: Stoppable): Promise<void> {
  await exec([crun, ...options, "delete", "--force", id]).catch(passOverExecError);
}

function passOverExecError(error: unknown): void {
  if (!(error instanceof ExecError)) throw error;
}

/** crun ends with 1 when it couldn't start the command; its log tells that from a command that ended with 1. */
async function throwStartError(bundle: Bundle): Promise<void> {
  const text = await readFile(logPath(bundle), "utf8").catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return "";
    throw error;
  });
  if (text.trim() === "") return;
  const spec = JSON.parse(await readFile(join(bundle.path, "config.json"), "utf8")) as {
    process: { args: readonly string[] };
  };
  throw startError(text, spec.process.args[0] ?? "");
}
