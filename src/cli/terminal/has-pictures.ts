import type { Terminal } from "./terminal.ts";

/** True where standard output is a terminal that can be drawn upon. */
export function hasPictures({ stdout, env }: Pick<Terminal, "stdout" | "env">): boolean {
  return stdout.isTTY === true && env["TERM"] !== "dumb";
}
