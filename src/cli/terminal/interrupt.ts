import { constants } from "node:os";
import { CliError } from "../cli-error.ts";
import type { Terminal } from "./terminal.ts";

/** A signal that aborts when the user asks berth to end. */
export interface Interrupt extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Abort on Ctrl-C, SIGTERM and SIGHUP until disposed, so that long work can clean up.
 * The reason is an error with the exit code that a shell gives a command that the signal ended.
 */
export function interruptible(io: Terminal): Interrupt {
  const controller = new AbortController();
  const listening = io.onSignals(["SIGINT", "SIGTERM", "SIGHUP"], (signal) => {
    controller.abort(new CliError("", { code: 128 + constants.signals[signal] }));
  });
  return { signal: controller.signal, [Symbol.dispose]: () => listening[Symbol.dispose]() };
}
