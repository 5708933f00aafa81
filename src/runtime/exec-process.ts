import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { BerthError, codeOf } from "../base/errors.ts";
import { holdDir } from "../host/held-dir.ts";
import type { Host } from "../host/host.ts";
import type { ProcessSpec } from "../oci/runtime-spec.ts";
import { type AttachIO, type Attachment, type Connection, connect } from "./attach.ts";
import { type Conmon, conmonPidPath, runtimeWords, startConmon } from "./conmon.ts";
import { consoleSizeOf } from "./console-size.ts";
import { startError } from "./runtime-error.ts";

/** The exit code of a process whose monitor was killed. */
const unseen = 255;

/** One more process in a container, which goes on when this one ends. Its `ended` comes when its exit code is known, too. */
export interface ExecProcess extends Attachment {
  /** Resolves at its end: its exit code, or 128 and the signal's number. */
  readonly exitCode: Promise<number>;
}

/** What {@link execProcess} works with. */
export interface ExecDeps {
  readonly host: Host;
  readonly runtime: readonly string[];
}

/** The process and where it runs. */
export interface ExecSubject {
  readonly id: string;
  readonly terminal: boolean;
  /** Asked while its conmon starts. */
  readonly process: () => ProcessSpec;
}

/**
 * Run a process in a container, watched over by a conmon of its own.
 *
 * @returns the connection to its streams; undefined without `io`, which runs it with none
 * @throws {StartError} in Docker's words, when it can't be started
 */
export async function execProcess(
  deps: ExecDeps,
  subject: ExecSubject,
  io?: AttachIO,
): Promise<ExecProcess | undefined> {
  const directory = join(deps.host.runRoot, "exec", randomUUID());
  // Held until its conmon is there.
  using _held = await holdDir(deps.host.syscalls, directory);
  const log = `${directory}.log`;
  let running = false;
  try {
    const args = execArguments(deps.runtime, { ...subject, directory, log }, io);
    using stack = new DisposableStack();
    const conmon = stack.use(await startConmon(deps.host, directory, args));
    const process = specOf(conmon, subject);
    const sized = { ...process, ...(process.terminal ? consoleSizeOf(io?.windowSize) : {}) };
    writeFileSync(processPath(directory), JSON.stringify(sized), { mode: 0o600 });
    conmon.proceed();
    const connection = io && stack.use(await connected(deps, { conmon, directory }, io));
    const report = await conmon.report();
    if (report === undefined || report.data <= 0) throw await failure(log, process);
    running = true;
    const moved = conmon.moved();
    if (connection === undefined) {
      await moved;
      return undefined;
    }
    // crun takes the size of the container's own terminal for the process's.
    if (io?.windowSize !== undefined) void connection.resize(io.windowSize);
    if (io?.stdin !== undefined) connection.passInput(io.stdin);
    const exitCode = conmon.report().then((last) => last?.data ?? unseen);
    const ended = Promise.all([connection.ended, exitCode, moved]).then(() => undefined);
    const kept = stack.move();
    return { ended, exitCode, resize: connection.resize, [Symbol.dispose]: () => kept.dispose() };
  } finally {
    await rm(log, { force: true });
    // Of one that runs, conmon's exit command does it.
    if (!running) await rm(directory, { recursive: true, force: true });
  }
}

/** Where a process can't be, its conmon ends unused. */
function specOf(conmon: Conmon, { process }: ExecSubject): ProcessSpec {
  try {
    return process();
  } catch (error) {
    conmon.kill();
    throw error;
  }
}

function processPath(directory: string): string {
  return join(directory, "process.json");
}

/** What the runtime said: conmon passes nothing on of what it says about a process with a terminal. */
async function failure(log: string, process: ProcessSpec): Promise<BerthError> {
  const text = await readFile(log, "utf8").catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
    return "";
  });
  if (text.trim() === "") return new BerthError("internal", "conmon ended without a word");
  return startError(text, process.args[0] ?? "");
}

async function connected(
  { host }: ExecDeps,
  { conmon, directory }: { readonly conmon: Conmon; readonly directory: string },
  { onOutput }: AttachIO,
): Promise<Connection> {
  await conmon.attachable();
  const connection = connect(host.syscalls, directory, onOutput);
  conmon.proceed();
  return connection;
}

function execArguments(
  runtime: readonly string[],
  { id, terminal, directory, log }: ExecSubject & { readonly directory: string; readonly log: string },
  io: AttachIO | undefined,
): readonly string[] {
  return [
    ...["--api-version", "1", "--cid", id, "--cuuid", id, "--name", id, "--exec"],
    ...["--exec-process-spec", processPath(directory), ...(io === undefined ? [] : ["--exec-attach"])],
    ...["--bundle", directory, "--full-attach", "--persist-dir", directory],
    ...["--container-pidfile", join(directory, "pid"), "--conmon-pidfile", conmonPidPath(directory)],
    ...["--log-path", "none", "--no-sync-log", "--log-level", "error"],
    // Whoever leaves a terminal closes it for nobody.
    ...(terminal ? ["--terminal", "--leave-stdin-open"] : []),
    ...(io?.stdin === undefined ? [] : ["--stdin"]),
    ...runtimeWords([...runtime, `--log=file:${log}`]),
    ...["--exit-command", "/bin/rm", "--exit-command-arg=-rf", `--exit-command-arg=${directory}`],
  ];
}
