import { BerthError, type ErrorKind } from "../base/errors.ts";

/** What is known of a failure beside its text. */
export interface FailureFacts {
  /** The same request may well go through when it is made again. */
  readonly again?: boolean;
  /** Milliseconds that the server wants to be left alone before that. */
  readonly after?: number | undefined;
  /** Nobody listens there, or takes the connection in time, which may pass where somebody did before. */
  readonly refused?: boolean;
  /** Of the answer; absent when there was none. */
  readonly status?: number;
  /** As the distribution spec names errors: `MANIFEST_UNKNOWN`. Absent when there was no answer. */
  readonly code?: string;
  /** What of the text belongs to the first of several errors. */
  readonly first?: string;
  /** The registry gave a code and nothing more. */
  readonly bare?: boolean;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** What a server refused, or what went wrong on the way to it. */
export class RegistryError extends BerthError {
  override readonly name: string = "RegistryError";
  readonly facts: FailureFacts;

  constructor(kind: ErrorKind, message: string, facts: FailureFacts = {}) {
    const { hint, cause } = facts;
    super(kind, message, { cause, ...(hint === undefined ? {} : { hint }) });
    this.facts = facts;
  }
}

/** What goes wrong below HTTP. @param message in the words of Go's net/http, without the request in front */
export function connectionFailure(message: string, facts: FailureFacts = {}): RegistryError {
  return new RegistryError("unavailable", message, facts);
}

/** True for a failure without an answer. */
export function isConnectionFailure(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.facts.status === undefined;
}

/** Whether a request may go through when it is made again. @param answered the server has answered before */
export function mayPass(error: unknown, answered: boolean = true): error is RegistryError {
  if (!(error instanceof RegistryError)) return false;
  return error.facts.again === true || (answered && error.facts.refused === true);
}

/**
 * An error with the request in front, as Go's net/http writes it: `Get "https://host/v2/": …`. A query may hold a signature, and is
 * left out.
 */
export function described(error: unknown, method: string, url: URL): unknown {
  if (!(error instanceof BerthError)) return error;
  const message = `${method.charAt(0)}${method.slice(1).toLowerCase()} "${url.origin}${url.pathname}": ${error.message}`;
  const facts = error instanceof RegistryError ? error.facts : { hint: error.hint };
  return new RegistryError(error.kind, message, { ...facts, first: message, cause: error });
}
