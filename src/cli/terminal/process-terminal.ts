import { BerthError, codeOf } from "../../base/errors.ts";
import { type ProcessOutput, processOutput } from "./process-output.ts";
import type { Terminal } from "./terminal.ts";

/** The terminal of this process. */
export interface ProcessTerminal extends Terminal {
  readonly stdout: ProcessOutput;
  readonly stderr: ProcessOutput;
}

/** The terminal of this process. Standard input is opened, and the directory looked up, when first asked for. */
export function processTerminal(): ProcessTerminal {
  return {
    get stdin() {
      return process.stdin;
    },
    stdout: processOutput(1),
    stderr: processOutput(2),
    env: process.env,
    setVariable: (name, value) => {
      process.env[name] = value;
    },
    get cwd() {
      return workingDirectory();
    },
    onSignals: (signals, listener) => {
      for (const signal of signals) process.on(signal, listener);
      return {
        [Symbol.dispose]: () => {
          for (const signal of signals) process.off(signal, listener);
        },
      };
    },
  };
}

/** @throws {BerthError} not-found, where the directory was deleted: most commands need none, and conmon's may be gone when it calls */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    const hint = "The current directory was deleted: change to one that exists.";
    throw new BerthError("not-found", "getwd: no such file or directory", { cause: error, hint });
  }
}
