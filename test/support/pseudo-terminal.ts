import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { scratchOfTest } from "../../src/base/testing.ts";
import { berthCommand } from "./berth.ts";
import { eventually } from "./eventually.ts";
import { runProgram, type Start, startProgram } from "./program.ts";

/** A command on a pseudo-terminal of its own, as a user at a keyboard has it: 30 rows of 90 columns. */
export interface PseudoTerminal {
  /** Type text; `\r` is the return key, `\x03` Ctrl-C. */
  readonly type: (text: string) => void;
  /** Wait until the screen has shown `pattern` since the last wait, and give what it showed up to there. */
  readonly shows: (pattern: RegExp, seconds?: number) => Promise<string>;
  /** Give the terminal another size, as somebody who drags its window. */
  readonly resize: (size: { readonly rows: number; readonly columns: number }) => Promise<void>;
  /** Send the command a signal. */
  readonly signal: (name: NodeJS.Signals) => void;
  /** Close the terminal's window: nobody holds the other end any more, and the kernel sends SIGHUP. */
  readonly hangUp: () => Promise<void>;
  /** Wait for the command's end, and give its exit code, all that the terminal has shown since the last wait, and its modes. */
  readonly ended: () => Promise<TerminalEnd>;
}

/** How a command on a terminal ended. */
export interface TerminalEnd {
  readonly code: number | null;
  readonly screen: string;
  /** What `stty -a` says of the terminal before and after. */
  readonly modes: { readonly before: string; readonly after: string };
}

// Notes the terminal, its modes and the command's process, in the directory that is the first argument.
const session = `
cd "$1"; shift
trap : INT
stty rows 30 cols 90
tty > tty
stty -a > before

sh -c 'echo $$ > "$0/pid"; cd "$1"; shift; exec "$@"' "$PWD" "$@"
code=$?
stty -a > after
exit $code
`;

/** Start berth on a pseudo-terminal, which util-linux's `script` makes. */
export function berthOnTerminal(args: readonly string[], start: Start = {}): PseudoTerminal {
  const notes = scratchOfTest("terminal");
  const note = (name: string): string => readFileSync(join(notes, name), "utf8").trim();
  const words = ["sh", "-c", session, "sh", notes, start.cwd ?? process.cwd(), berthCommand, ...args];
  const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const child = startProgram("script", ["--quiet", "--return", "--command", command, "/dev/null"], start);
  const closed = once(child, "close");
  let screen = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
  });
  const shown = (end: number): string => {
    const text = screen.slice(0, end);
    screen = screen.slice(end);
    return text;
  };
  return {
    type: (text) => child.stdin?.write(text),
    shows: (pattern, seconds = 60) =>
      eventually(async () => {
        const match = pattern.exec(screen);
        if (match !== null) return shown(match.index + match[0].length);
        if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode} before ${pattern}: ${screen}`);
        return undefined;
      }, seconds).catch((error: unknown) => {
        throw new Error(`the terminal doesn't show ${pattern}, but ${JSON.stringify(screen)}`, { cause: error });
      }),
    resize: async ({ rows, columns }) => {
      const size = ["rows", String(rows), "cols", String(columns)];
      const { code, stderr } = await runProgram("stty", ["-F", note("tty"), ...size]);
      if (code !== 0) throw new Error(`stty: ${stderr}: the terminal shows ${JSON.stringify(screen)}`);
    },
    signal: (name) => process.kill(Number(note("pid")), name),
    hangUp: async () => {
      child.kill("SIGKILL");
      await closed;
    },
    ended: async () => {
      await closed;
      const modes = { before: note("before"), after: note("after") };
      return { code: child.exitCode, screen: shown(screen.length), modes };
    },
  };
}
