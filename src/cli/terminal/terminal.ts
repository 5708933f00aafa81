import type { Readable } from "node:stream";

/** Standard input: a terminal where `isTTY` is true. */
export type Input = Readable & {
  readonly isTTY?: boolean;
  readonly fd?: number;
};

/** Standard output or error: a terminal where `isTTY` is true, which then has a size. */
export interface Output {
  readonly isTTY: boolean;
  readonly fd: number;
  readonly columns: number | undefined;
  readonly rows: number | undefined;
  /** All that was written before comes before it. @returns false where the reader is behind, until the stream's `drain` */
  write(data: string | Uint8Array): boolean;
  /** The same, for whoever writes much. */
  readonly stream: NodeJS.WritableStream;
}

/** What a command has of the process that it runs in. */
export interface Terminal {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Set one of these variables, also for the programs that this process starts. */
  setVariable(name: string, value: string): void;
  /** The user's directory. */
  readonly cwd: string;
  /** Call `listener` for each of these signals, instead of ending, until disposed. */
  onSignals(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void): Disposable;
}
