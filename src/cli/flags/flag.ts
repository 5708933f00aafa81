/**
 * One flag of a command, as data: the parser, the help and the completion read it.
 * A flag's long name is its key in the command's table.
 */
export interface Flag<Value> {
  readonly description: string;
  /** One letter. */
  readonly short?: string;
  /** What stands for the value in the help, as `string`; absent for a flag that stands alone. */
  readonly valueName?: string;
  /** The value of a flag that stands alone (`--rm` is `--rm=true`); absent when a value must follow. */
  readonly alone?: string;
  /** Shown as `(default …)`. */
  readonly shownDefault?: string;
  /** Left out of the help. */
  readonly hidden?: boolean;
  /** Docker reads the value when the command line is taken apart already: a wrong one is the command's failure, not one of usage. */
  readonly isReadLate?: boolean;
  /** Value when the flag isn't given. */
  readonly initial: Value;
  /** The value after one more occurrence. @throws {Error} with the reason, in Docker's words */
  read(text: string, before: Value): Value;
}

/** The flags of a command by long name. */
export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** What the flags in a table hold after parsing. */
export type Values<F> = { readonly [Name in keyof F]: F[Name] extends Flag<infer Value> ? Value : never };

/** What every kind of flag may say beside its description. */
export interface FlagOptions {
  readonly short?: string;
  readonly valueName?: string;
  readonly shownDefault?: string;
  readonly hidden?: boolean;
}
