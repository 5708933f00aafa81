import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { randomHex } from "../base/ids.ts";
import type { Host } from "../host/host.ts";
import { quote } from "./enter-script.ts";
import { openPipe, type Pipe } from "./pipe.ts";

/** A shell in a mount namespace of its own that waits for what to do. Disposing ends one that still waits. */
export interface WaitingShell extends Disposable {
  readonly child: ChildProcess;
  readonly stdout: Pipe;
  readonly stderr: Pipe;
  /** The exit code of what it became, or 255 and the like, when all was read that was written. */
  readonly ended: Promise<number>;
  /** Have it run a script with arguments, and nothing on its standard input. */
  run(script: string, args: readonly string[]): void;
}

/** Start one, in a session of its own: Ctrl-C at the terminal is for this process, which stops the container and knows why it ended. */
export function startShell({ runRoot, syscalls }: Pick<Host, "runRoot" | "syscalls">): WaitingShell {
  const place = join(runRoot, `pipe-${randomHex(8)}`);
  const [stdout, stderr] = [openPipe(syscalls, place), openPipe(syscalls, place)];
  const child = spawn("unshare", ["--mount", "--propagation", "slave", "/bin/sh"], {
    stdio: ["pipe", stdout.writeEnd, stderr.writeEnd],
    detached: true,
  });
  const { stdin } = child;
  if (stdin === null) throw new Error("a pipe was asked for");
  for (const { writeEnd } of [stdout, stderr]) closeSync(writeEnd);
  // One that has ended is told by its exit code.
  stdin.on("error", () => undefined);
  const ended = exitOf(child).then(async (code) => {
    await Promise.all([stdout.ended, stderr.ended]);
    return code;
  });
  // Nobody looks at one that was never told anything.
  ended.catch(() => undefined);
  return {
    ...{ child, stdout, stderr, ended },
    // One line, which it has read whole before it has another standard input.
    run: (script, args) =>
      void stdin.end(`{ exec </dev/null; set -- ${args.map(quote).join(" ")}; . ${quote(script)}; }\n`),
    [Symbol.dispose]: () => {
      if (stdin.writable) stdin.destroy();
      for (const { reader } of [stdout, stderr]) if (!reader.readableFlowing) reader.destroy();
    },
  };
}

/** The exit code of a process, 137 when a signal has ended it. */
export function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, killedBy) => resolve(code ?? (killedBy === null ? 255 : 137)));
  });
}

/** Shells for steps that come one after the other: the next one is started before it is needed. */
export class Shells implements Disposable {
  readonly #host: Pick<Host, "runRoot" | "syscalls">;
  #next: WaitingShell | undefined;

  constructor(host: Pick<Host, "runRoot" | "syscalls">) {
    this.#host = host;
  }

  /** Start one, where none waits. */
  prepare(): void {
    this.#next ??= startShell(this.#host);
  }

  /** One that waits; the caller's from now on. */
  take(): WaitingShell {
    const next = this.#next ?? startShell(this.#host);
    this.#next = undefined;
    return next;
  }

  [Symbol.dispose](): void {
    this.#next?.[Symbol.dispose]();
  }
}
