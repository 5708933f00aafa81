import { constants } from "node:os";
import type { Operation } from "../base/operation.ts";
import { ExecError, exec } from "../host/exec.ts";
import type { Host } from "../host/host.ts";
import type { AttachIO } from "./attach.ts";
import { type Bundle, runtimeState } from "./bundle.ts";
import { type ExecProcess, type ExecSubject, execProcess } from "./exec-process.ts";
import { type Monitor, type MonitorOptions, startMonitor } from "./monitor.ts";
import { type RunIO, runBundle, runBundleAttached } from "./run-bundle.ts";
import { StartError } from "./runtime-error.ts";
import type { Shells } from "./waiting-shell.ts";

/** crun, spoken to by argument vectors. A container that it made is a child of conmon, not of this process. */
export interface Runtime {
  /** Start a monitor, whose container waits for {@link Runtime.start} once it is made of the bundle in `directory`. */
  monitor(id: string, directory: string, options: MonitorOptions): Promise<Monitor>;
  /** Let the process of a created container go. @throws {StartError} */
  start(id: string): Promise<void>;
  /** Run one more process in a container; without `io` it has no streams, and nothing is returned. @throws {StartError} */
  exec(subject: ExecSubject, io?: AttachIO): Promise<ExecProcess | undefined>;
  /** Send a signal to the container's first process. A container that has ended is no error; SIGKILL ends a paused one too. */
  kill(id: string, signal: number): Promise<void>;
  /** Forget a container and its cgroup; `force` kills it first. A container that isn't there is no error. */
  delete(id: string, options?: { readonly force?: boolean }): Promise<void>;
  pause(id: string): Promise<void>;
  /** A container that isn't paused, or has ended, is no error. */
  resume(id: string): Promise<void>;
  /** Run a bundle to its end without a monitor: a build step. @returns the exit code @throws {StartError} */
  run(id: string, bundle: Bundle, io: RunIO, shells?: Shells): Promise<number>;
  /** The same on this process's standard streams, and on its terminal where the bundle has one. */
  runAttached(id: string, bundle: Bundle, operation?: Operation): Promise<number>;
}

/** Open the runtime of an engine; its state lies below the run root. */
export function openRuntime(host: Host): Runtime {
  const base = ["crun", "--root", runtimeState(host), "--cgroup-manager", "cgroupfs"] as const;
  const call = (...args: readonly string[]): Promise<unknown> => exec([...base, ...args]);
  const resume = async (id: string): Promise<void> => void (await call("resume", id).catch(unlessGone));
  return {
    monitor: (id, directory, options) => startMonitor({ host, runtime: base }, { id, directory }, options),
    start: (id) => call("start", id).then(() => undefined, asStartError),
    exec: (subject, io) => execProcess({ host, runtime: base }, subject, io),
    kill: async (id, signal) => {
      await call("kill", id, String(signal)).catch(unlessGone);
      // With cgroups of the first version, the signal waits until then; a commit that was killed has left it so.
      if (signal === constants.signals.SIGKILL) await resume(id);
    },
    delete: (id, { force = false } = {}) =>
      call("delete", ...(force ? ["--force"] : []), id).then(() => undefined, unlessGone),
    pause: async (id) => void (await call("pause", id)),
    resume,
    run: (id, bundle, io, shells) => runBundle({ runtime: base, host, ...(shells && { shells }) }, { id, bundle }, io),
    runAttached: (id, bundle, operation) => runBundleAttached({ runtime: base }, { id, bundle }, operation),
  };
}

function asStartError(error: unknown): never {
  throw error instanceof ExecError ? new StartError(error.stderr.trim(), 125) : error;
}

function unlessGone(error: unknown): void {
  const gone =
    error instanceof ExecError && /does not exist|No such process|not running|No such file/.test(error.stderr);
  if (!gone) throw error;
}
