import { constants } from "node:os";
import { isKind } from "../../base/errors.ts";
import type { Containers } from "../../container/containers.ts";
import { linux } from "../../host/syscalls.ts";
import { CliError } from "../cli-error.ts";
import type { AttachIO, Attachment, WindowSize } from "../engine-types.ts";
import { detachKeysOf } from "./detach-keys.ts";
import { proxiedSignals } from "./proxied-signals.ts";
import { rawMode } from "./raw-mode.ts";
import type { Terminal } from "./terminal.ts";
import { userInput } from "./user-input.ts";

/** How the user's terminal is connected to a container. */
export interface SessionOptions {
  /** The process has a terminal of its own. */
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** As `--detach-keys` has them; Docker's when absent. */
  readonly detachKeys: string | undefined;
  /** Hands signals on to the process; when absent, they end berth. */
  readonly kill: ((signal: NodeJS.Signals) => Promise<void>) | undefined;
  /** The process has drawn on a terminal before: have it draw again. */
  readonly redraw?: boolean;
  /** Make the connection: by starting the process, or to one that runs. */
  readonly connect: (streams: AttachIO) => Promise<Attachment | undefined>;
}

/**
 * Connect the user's terminal to a process until its output ends or the detach keys are typed.
 * The terminal is given back as it was, however this ends.
 *
 * @throws {CliError} for bad detach keys; 128 and the signal's number, when a signal ends berth that isn't handed on
 */
export async function session(io: Terminal, options: SessionOptions): Promise<"ended" | "detached"> {
  const { tty, stdin } = options;
  const keys = detachKeysOf(options.detachKeys);
  using stack = new DisposableStack();
  const ended = stack.use(signals(io, options.kill));
  const input = stdin ? stack.use(userInput(io, tty ? keys : undefined)) : undefined;
  if (tty && input !== undefined) stack.use(rawMode(io));
  const windowSize = tty ? windowSizeOf(io) : undefined;
  const attachment = await options.connect({
    onOutput: (stream, data) => {
      if (stream === "stdout" ? options.stdout : options.stderr) io[stream].write(data);
    },
    ...(input === undefined ? {} : { stdin: input.stream }),
    ...(windowSize === undefined ? {} : { windowSize }),
  });
  if (attachment === undefined) return "ended";
  stack.use(attachment);
  if (windowSize !== undefined) {
    // Only another size makes a program draw.
    if (options.redraw === true) void attachment.resize({ rows: windowSize.rows + 1, columns: windowSize.columns + 1 });
    stack.use(followSize(io, attachment));
  }
  const detached = input === undefined ? [] : [whenAborted(input.detached)];
  await Promise.race([attachment.ended, ...detached, ended.killed]);
  return input?.detached.aborted === true ? "detached" : "ended";
}

/** How `attach` and `exec` end when the detach keys were typed. */
export function detachedError(): CliError {
  return new CliError("read escape sequence");
}

/** Hands signals on to a container's first process. */
export function killOf(containers: Containers, id: string): (signal: NodeJS.Signals) => Promise<void> {
  return async (signal) => {
    try {
      await containers.kill(id, signal);
    } catch (error) {
      // It may have ended, or not have started yet.
      if (!isKind(error, "conflict") && !isKind(error, "not-found")) throw error;
    }
  };
}

/** Hand signals on, or end at them; `killed` only ever rejects. */
function signals(
  io: Terminal,
  kill: ((signal: NodeJS.Signals) => Promise<void>) | undefined,
): Disposable & { readonly killed: Promise<never> } {
  const { promise: killed, reject } = Promise.withResolvers<never>();
  killed.catch(() => undefined);
  const listening =
    kill === undefined
      ? io.onSignals(["SIGINT", "SIGTERM", "SIGHUP"], (signal) =>
          reject(new CliError("", { code: 128 + constants.signals[signal] })),
        )
      : io.onSignals(proxiedSignals, (signal) => void kill(signal).catch(reject));
  return { killed, [Symbol.dispose]: () => listening[Symbol.dispose]() };
}

/** The size of the user's terminal; undefined without one. Asked of the kernel: Node's own knowledge may be older. */
export function windowSizeOf({ stdout }: Terminal): WindowSize | undefined {
  if (stdout.isTTY !== true) return undefined;
  return stdout.fd === undefined ? undefined : linux.windowSize(stdout.fd);
}

function followSize(io: Terminal, attachment: Attachment): Disposable {
  const tell = (): void => {
    const size = windowSizeOf(io);
    if (size !== undefined) void attachment.resize(size);
  };
  tell();
  return io.onSignals(["SIGWINCH"], tell);
}

function whenAborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // The keys may have been typed while the connection was still being made.
  if (signal.aborted) resolve();
  else signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

/** Refuse `-t` where standard input is used and is no terminal. @throws {CliError} in Docker's words */
export function checkTty(
  { stdin }: Pick<Terminal, "stdin">,
  options: { readonly stdin: boolean; readonly tty: boolean },
): void {
  if (options.tty && options.stdin && stdin.isTTY !== true) throw new CliError("the input device is not a TTY");
}
