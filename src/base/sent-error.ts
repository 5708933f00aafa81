import { BerthError, type ErrorKind } from "./errors.ts";

/** An error on its way from one thread to another: structured cloning would keep neither its class nor its fields. */
export interface SentError {
  readonly message: string;
  readonly stack: string | undefined;
  /** Of a {@link BerthError}. */
  readonly berth?: { readonly kind: ErrorKind; readonly hint: string | undefined };
  /** What a system error says beside: `code`, `errno`, `syscall`, `path`. */
  readonly fields: Readonly<Record<string, string | number>>;
  readonly cause?: SentError;
}

const systemFields = ["code", "errno", "syscall", "path"];

/** The form of anything that was thrown in which it can be sent. */
export function sentError(error: unknown): SentError {
  if (!(error instanceof Error)) return { message: String(error), stack: undefined, fields: {} };
  const fields = Object.entries(error).filter(
    (field): field is [string, string | number] =>
      systemFields.includes(field[0]) && (typeof field[1] === "string" || typeof field[1] === "number"),
  );
  return {
    message: error.message,
    stack: error.stack,
    fields: Object.fromEntries(fields),
    ...(error instanceof BerthError ? { berth: { kind: error.kind, hint: error.hint } } : {}),
    ...(error.cause === undefined ? {} : { cause: sentError(error.cause) }),
  };
}

/** The error that was sent: a {@link BerthError} where it was one, else an `Error` with the fields that it had. */
export function receivedError({ message, stack, berth, fields, cause }: SentError): Error {
  const more = cause === undefined ? {} : { cause: receivedError(cause) };
  if (berth === undefined) return Object.assign(new Error(message, more), fields, stack === undefined ? {} : { stack });
  const { kind, hint } = berth;
  return new BerthError(kind, message, { ...more, ...(hint === undefined ? {} : { hint }) });
}
