import { type ProcessOutput, processOutput } from "./process-output.ts";
import type { Terminal } from "./terminal.ts";

/** The terminal of this process. */
export interface ProcessTerminal extends Terminal {
  readonly stdout: ProcessOutput;
  readonly stderr: ProcessOutput;
}

/** The terminal of this process. Standard input is opened when it is first asked for. */
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
    cwd: process.cwd(),
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
