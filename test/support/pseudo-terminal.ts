import { once } from "node:events";
import { berthCommand } from "./berth.ts";
import { eventually } from "./eventually.ts";
import { type Start, startProgram } from "./program.ts";

/** A command on a pseudo-terminal of its own, as a user at a keyboard has it. */
export interface PseudoTerminal {
  /** Type text; a line end is the return key. */
  readonly type: (text: string) => void;
  /** Wait until the screen has shown `pattern` since the last wait, and give what it showed up to there. */
  readonly shows: (pattern: RegExp, seconds?: number) => Promise<string>;
  /** Wait for the command's end, and give its exit code. */
  readonly ended: () => Promise<number | null>;
}

/** Start berth on a pseudo-terminal, which util-linux's `script` makes. */
export function berthOnTerminal(args: readonly string[], start: Start = {}): PseudoTerminal {
  const command = [berthCommand, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const child = startProgram("script", ["--quiet", "--return", "--command", command, "/dev/null"], start);
  const closed = once(child, "close");
  let screen = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
  });
  return {
    type: (text) => child.stdin?.write(text),
    shows: (pattern, seconds = 20) =>
      eventually(async () => {
        const match = pattern.exec(screen);
        if (match === null) {
          if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode} before ${pattern}: ${screen}`);
          return undefined;
        }
        const end = match.index + match[0].length;
        const shown = screen.slice(0, end);
        screen = screen.slice(end);
        return shown;
      }, seconds),
    ended: async () => {
      await closed;
      return child.exitCode;
    },
  };
}
