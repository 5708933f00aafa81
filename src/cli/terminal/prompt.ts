import { orAborted } from "../../base/operation.ts";
import { linux } from "../../host/syscalls.ts";
import { interruptible } from "./interrupt.ts";
import type { Terminal } from "./terminal.ts";

/** Questions to the user at a terminal. */
export interface Prompt extends Disposable {
  /** Ask, and give the line that was typed, without blanks around it; empty at the end of input. */
  ask(question: string): Promise<string>;
  /** The same of what nobody may see: it isn't shown, and kept as it was typed. */
  askSecret(question: string): Promise<string>;
}

/**
 * Begin to ask at the terminal that standard input is. The terminal is given back as it was, however this ends.
 * Its calls throw a `CliError` when a signal ends them.
 */
export function openPrompt(io: Terminal): Prompt {
  const { stdin, stdout } = io;
  const chunks = stdin[Symbol.asyncIterator]();
  let typed = "";
  const nextLine = async (): Promise<string> => {
    while (!typed.includes("\n")) {
      const { done, value } = await chunks.next();
      if (done === true) break;
      typed += String(value);
    }
    const [line = ""] = typed.split("\n", 1);
    typed = typed.slice(line.length + 1);
    return line;
  };
  const lineUnlessInterrupted = async (): Promise<string> => {
    using interrupt = interruptible(io);
    return await orAborted(nextLine(), interrupt.signal);
  };
  return {
    ask: async (question) => {
      stdout.write(question);
      return (await lineUnlessInterrupted()).trim();
    },
    askSecret: async (question) => {
      using stack = new DisposableStack();
      // The line end isn't shown either.
      stack.defer(() => stdout.write("\n"));
      if (stdin.fd !== undefined) stack.defer(linux.hideInput(stdin.fd) ?? (() => undefined));
      stdout.write(question);
      return await lineUnlessInterrupted();
    },
    // An open read of a terminal would keep the process alive.
    [Symbol.dispose]: () => void stdin.destroy(),
  };
}
