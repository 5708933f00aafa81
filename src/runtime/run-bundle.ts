import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { ExecError, exec } from "../host/exec.ts";
import type { Host } from "../host/host.ts";
import { childrenOf, killIfThere } from "../host/process.ts";
import type { Bundle } from "./bundle.ts";
import { inNamespace } from "./enter-script.ts";
import { quickenCgroups } from "./quicken-cgroups.ts";
import { startError } from "./runtime-error.ts";
import { exitOf, type Shells, startShell } from "./waiting-shell.ts";

/** Where the output of a build step goes. */
export interface RunIO extends Pick<Operation, "signal"> {
  readonly onOutput: (stream: "stdout" | "stderr", data: Uint8Array) => void;
}

/** Milliseconds between two tries to end a container. */
const retryPause = 20;

/** What {@link runBundle} runs with. */
export interface RunDeps {
  /** The runtime's program and options. */
  readonly runtime: readonly string[];
  readonly host: Pick<Host, "syscalls" | "cgroup" | "rootless">;
  /** Where more bundles may be run after this one. */
  readonly shells?: Shells;
}

/**
 * Run a bundle to its end: one process between this one and the container's.
 *
 * @throws {StartError} when it could not be started
 * @throws the signal's reason, when it was cancelled; the container is gone by then
 */
export async function runBundle(
  { runtime, host, shells }: RunDeps,
  { id, bundle }: { readonly id: string; readonly bundle: Bundle },
  { onOutput, signal }: RunIO,
): Promise<number> {
  signal?.throwIfAborted();
  if (!host.rootless) quickenCgroups(host.cgroup);
  using shell = shells?.take() ?? startShell(host);
  const { child, stdout, stderr, ended } = shell;
  stdout.reader.on("data", (data: Buffer) => onOutput("stdout", data));
  stderr.reader.on("data", (data: Buffer) => onOutput("stderr", data));
  shell.run(bundle.enter, runWords(runtime, { id, bundle }));
  // While this one is at work there is time.
  shells?.prepare();
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
  const [program = "", ...args] = [...inNamespace(bundle.enter), ...runWords(runtime, { id, bundle })];
  const child = spawn(program, args, { stdio: "inherit" });
  const ended = exitOf(child);
  const code = await stoppable({ runtime, id, child, signal }, ended);
  if (code !== 0) await throwStartError(bundle);
  return code;
}

function runWords(
  runtime: readonly string[],
  { id, bundle }: { readonly id: string; readonly bundle: Bundle },
): readonly string[] {
  const manager = bundle.hasCgroup ? [] : ["--cgroup-manager=disabled"];
  return [...runtime, ...manager, `--log=file:${logPath(bundle)}`, "run", `--bundle=${bundle.path}`, id];
}

function logPath({ path }: Bundle): string {
  return join(path, "runtime.log");
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
