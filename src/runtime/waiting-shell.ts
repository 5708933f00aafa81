import { type ChildProcess, spawn } from "node:child_process";
import type { Host } from "../host/host.ts";
import { ownNamespace, quote } from "./enter-script.ts";
import { openPipe, type Pipe } from "./pipe.ts";

/** A shell in a mount namespace of its own that waits for what to do. Disposing ends one that still waits. */
export interface WaitingShell extends Disposable {
  readonly child: ChildProcess;
  readonly stdout: Pipe;
  readonly stderr: Pipe;
  /** The exit code of what it became, when all was read that was written. Rejects where it could not be started. */
  readonly ended: Promise<number>;
  /** Have it run a script with arguments, and nothing on its standard input. */
  run(script: string, args: readonly string[]): void;
}

/**
 * Start one, in a session of its own: Ctrl-C at the terminal is for this process, which stops the container and knows why it ended. On a
 * machine whose mounts are private, it doesn't see what the user mounts later.
 */
export function startShell({ syscalls }: Pick<Host, "syscalls">): WaitingShell {
  using stack = new DisposableStack();
  const stdout = stack.use(openPipe(syscalls));
  const stderr = stack.use(openPipe(syscalls));
  const [program, ...args] = ownNamespace;
  const child = spawn(program, args, { stdio: ["pipe", stdout.writeEnd, stderr.writeEnd], detached: true });
  for (const pipe of [stdout, stderr]) pipe.handedOver();
  // There is none where it could not be started. One that has ended is told by its exit code.
  const stdin = child.stdin ?? undefined;
  stdin?.on("error", () => undefined);
  const ended = exitOf(child).then(async (code) => {
    await Promise.all([stdout.ended, stderr.ended]);
    return code;
  });
  // Nobody looks at one that was never told anything.
  ended.catch(() => undefined);
  stack.defer(() => stdin?.destroy());
  const owned = stack.move();
  return {
    ...{ child, stdout, stderr, ended },
    // One line, which it has read whole before it has another standard input.
    run: (script, words) =>
      void stdin?.end(`{ exec </dev/null; set -- ${words.map(quote).join(" ")}; . ${quote(script)}; }\n`),
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/** The exit code of a process, 137 when a signal has ended it. */
export function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, killedBy) => resolve(code ?? (killedBy === null ? 255 : 137)));
  });
}

/** Shells for steps that come one after the other: the next one is started before it is needed, which only saves time. */
export class Shells implements Disposable {
  readonly #host: Pick<Host, "syscalls">;
  #next: WaitingShell | undefined;

  constructor(host: Pick<Host, "syscalls">) {
    this.#host = host;
  }

  /** Start one, where none waits. */
  prepare(): void {
    try {
      this.#next ??= startShell(this.#host);
    } catch {
      // Whoever needs one is told, if that is still so then.
    }
  }

  /** One that waits; the caller's from now on. */
  take(): WaitingShell {
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined && isWaiting(next.child)) return next;
    next?.[Symbol.dispose]();
    return startShell(this.#host);
  }

  [Symbol.dispose](): void {
    this.#next?.[Symbol.dispose]();
  }
}

function isWaiting({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}
