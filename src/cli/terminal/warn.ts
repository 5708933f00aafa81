import { printableLines } from "../format/printable.ts";
import type { Terminal } from "./terminal.ts";

/** Tells users, a line each, of what they should know and no command fails for. */
export function warnOn({ stderr }: Pick<Terminal, "stderr">): (message: string) => void {
  return (message) => void stderr.write(`WARNING: ${printableLines(message)}\n`);
}
