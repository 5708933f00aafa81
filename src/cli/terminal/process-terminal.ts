import type { Terminal } from "./terminal.ts";

/** The terminal of this process. Standard input is opened when it is first asked for. */
export function processTerminal(): Terminal {
  return {
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
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
