import type { Operation } from "../base/operation.ts";

/** How a helper program ended. */
export interface Exited {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What {@link exec} takes beside the argument vector. */
export interface ExecOptions extends Operation {
  /** Written to the program's standard input, which is then closed. */
  readonly stdin?: string;
  readonly cwd?: string;
  /** The whole environment of the program; the caller's when absent. */
  readonly env?: Readonly<Record<string, string>>;
}
