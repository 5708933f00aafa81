import type { Output } from "../terminal/terminal.ts";

/** A note as Docker's client prints it, after an empty line. @see Docker CLI, internal/tui/note.go */
export function noteText({ isTTY }: Pick<Output, "isTTY">, text: string): string {
  const fancy = isTTY === true;
  const header = fancy ? "\x1b[1m\x1b[106m\x1b[30mi\x1b[0m\x1b[0m \x1b[96mInfo → \x1b[0m\x1b[0m" : " Info -> ";
  const indent = " ".repeat(fancy ? "i Info → ".length : header.length);
  const lines = text.split("\n").map((line) => (fancy ? `\x1b[3m${line}\x1b[0m` : line));
  return `\n${header}${lines.join(`\n${indent}`)}\n`;
}
