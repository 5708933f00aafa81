/** How a {@link CliError} is shown. */
export interface CliErrorDetails {
  /** Exit code of berth: 1 when absent. */
  readonly code?: number;
  /** What comes after an empty line: the usage line and where to read more. */
  readonly usage?: string;
  /** One sentence that says what to do next. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** A failure that the command line itself finds, in the words of Docker's client; the engine's own are `BerthError`s. */
export class CliError extends Error {
  override readonly name: string = "CliError";
  readonly code: number;
  readonly usage: string | undefined;
  readonly hint: string | undefined;

  /** @param message the whole first line on stderr */
  constructor(message: string, details: CliErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code ?? 1;
    this.usage = details.usage;
    this.hint = details.hint;
  }
}
