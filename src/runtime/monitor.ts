import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { BerthError } from "../base/errors.ts";
import type { Host } from "../host/host.ts";
import { startTime } from "../host/process.ts";
import { absolute, type Conmon, conmonPidPath, runtimeWords, startConmon } from "./conmon.ts";
import { enterPath, inNamespace } from "./enter-script.ts";
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
  /** The process whose mount namespace the container's is made of; the caller's when absent. */
  readonly namespaceOf?: number;
}

/** A container's first process. It outlives this one: any later command finds it by what is recorded. */
export interface MonitoredProcess {
  readonly pid: number;
  /** See `host/process.ts`. */
  readonly startTime: string;
}

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
  const conmon = await startConmon(deps.host, directory, monitorArguments(deps.runtime, { id, directory }, options));
  let used = false;
  return {
    create: async () => {
      used = true;
      const process = await createdBy(conmon, options.command);
      await conmon.moved();
      return process;
    },
    [Symbol.dispose]: () => {
      if (!used) conmon.kill();
      conmon[Symbol.dispose]();
    },
  };
}

async function createdBy(conmon: Conmon, command: string): Promise<MonitoredProcess> {
  conmon.proceed();
  const report = await conmon.report();
  if (report === undefined) throw new BerthError("internal", "conmon ended without a word");
  if (report.data <= 0) throw startError(report.message, command);
  const started = startTime(report.data);
  if (started === undefined) throw new BerthError("internal", "the container's process ended before it was started");
  return { pid: report.data, startTime: started };
}

function monitorArguments(
  runtime: readonly string[],
  { id, directory }: { readonly id: string; readonly directory: string },
  options: MonitorOptions,
): readonly string[] {
  const [exitProgram, ...exitArguments] = options.exitCommand;
  return [
    ...["--api-version", "1", "--cid", id, "--cuuid", id, "--name", id],
    ...["--bundle", directory, "--full-attach", "--exit-dir", options.exitDirectory, "--persist-dir", directory],
    ...["--container-pidfile", join(directory, "pid"), "--conmon-pidfile", conmonPidPath(directory)],
    ...["--log-path", `k8s-file:${options.logPath}`, "--no-sync-log", "--log-level", "error"],
    // Whoever detaches from a terminal may come back and type on.
    ...(options.terminal ? ["--terminal", "--leave-stdin-open"] : []),
    ...(options.stdin ? ["--stdin"] : []),
    ...runtimeWords([...inNamespace(enterPath(directory), options.namespaceOf), ...runtime]),
    ...["--exit-command", absolute(exitProgram)],
    ...exitArguments.map((argument) => `--exit-command-arg=${argument}`),
  ];
}
