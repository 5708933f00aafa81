import { constants } from "node:os";
import { isKind } from "../../base/errors.ts";
import type { Containers } from "../../container/containers.ts";
import { CliError } from "../cli-error.ts";
import type { AttachIO, Attachment } from "../engine-types.ts";
import { defaultDetachKeys, parseDetachKeys } from "./detach-keys.ts";
import { proxiedSignals } from "./proxied-signals.ts";
import { rawMode } from "./raw-mode.ts";
import type { Terminal } from "./terminal.ts";
import { userInput } from "./user-input.ts";

/** How the user's terminal is connected to a container. */
export interface SessionOptions {
  readonly id: string;
  /** The container has a terminal of its own. */
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** As `--detach-keys` has them; Docker's when absent. */
  readonly detachKeys: string | undefined;
  /** Hand signals on to the container's process. */
  readonly proxySignals: boolean;
  /** Make the connection: by starting the container, or to one that runs. */
  readonly connect: (streams: AttachIO) => Promise<Attachment | undefined>;
}

/**
 * Connect the user's terminal to a container until its output ends or the detach keys are typed.
 * The terminal is given back as it was, however this ends.
 *
 * @throws {CliError} 128 and the signal's number, when a signal ends berth that isn't handed on
 */
export async function session(
  io: Terminal,
  containers: Containers,
  options: SessionOptions,
): Promise<"ended" | "detached"> {
  const { tty, stdin } = options;
  const keys = parseDetachKeys(options.detachKeys || defaultDetachKeys);
  using stack = new DisposableStack();
  const ended = stack.use(signals(io, containers, options));
  const input = stdin ? stack.use(userInput(io, tty ? keys : undefined)) : undefined;
  if (tty && input !== undefined) stack.use(rawMode(io));
  const attachment = await options.connect({
    onOutput: (stream, data) => {
      if (stream === "stdout" ? options.stdout : options.stderr) io[stream].write(data);
    },
    ...(input === undefined ? {} : { stdin: input.stream }),
  });
  if (attachment === undefined) return "ended";
  stack.use(attachment);
  if (tty && io.stdout.isTTY === true) stack.use(followSize(io, (size) => containers.resize(options.id, size)));
  const detached = input === undefined ? [] : [whenAborted(input.detached)];
  await Promise.race([attachment.ended, ...detached, ended.killed]);
  return input?.detached.aborted === true ? "detached" : "ended";
}

/** Hand signals on, or end at them; `killed` only ever rejects. */
function signals(
  io: Terminal,
  containers: Containers,
  options: SessionOptions,
): Disposable & { readonly killed: Promise<never> } {
  const { promise: killed, reject } = Promise.withResolvers<never>();
  killed.catch(() => undefined);
  const handOn = (signal: NodeJS.Signals): void => {
    containers.kill(options.id, signal).catch((error: unknown) => {
      // It may have ended, or not have started yet.
      if (!isKind(error, "conflict") && !isKind(error, "not-found")) reject(error);
    });
  };
  const listening = options.proxySignals
    ? io.onSignals(proxiedSignals, handOn)
    : io.onSignals(["SIGINT", "SIGTERM", "SIGHUP"], (signal) =>
        reject(new CliError("", { code: 128 + constants.signals[signal] })),
      );
  return { killed, [Symbol.dispose]: () => listening[Symbol.dispose]() };
}

function followSize(
  { stdout }: Terminal,
  resize: (size: { readonly rows: number; readonly columns: number }) => Promise<void>,
): Disposable {
  const tell = (): void => {
    const { rows = 0, columns = 0 } = stdout;
    // The container may end while its terminal is resized: nothing is lost then.
    resize({ rows, columns }).catch(() => undefined);
  };
  tell();
  stdout.on("resize", tell);
  return { [Symbol.dispose]: () => void stdout.off("resize", tell) };
}

function whenAborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

/** Refuse `-t` where standard input is used and is no terminal. @throws {CliError} in Docker's words */
export function checkTty(
  { stdin }: Pick<Terminal, "stdin">,
  options: { readonly stdin: boolean; readonly tty: boolean },
): void {
  if (options.tty && options.stdin && stdin.isTTY !== true) throw new CliError("the input device is not a TTY");
}
