import { BerthError, type ErrorKind, isKind, messageOf } from "../base/errors.ts";
import { RegistryError } from "../registry/registry-error.ts";

/** A code that clients know. @see distribution-spec v1.1 spec.md#error-codes; UNAVAILABLE and UNKNOWN are distribution's own */
export type RefusalCode =
  | "BLOB_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "PAGINATION_NUMBER_INVALID"
  | "TOOMANYREQUESTS"
  | "UNAVAILABLE"
  | "UNKNOWN"
  | "UNSUPPORTED";

/** What a request is answered where it can't be served. */
export class Refusal extends Error {
  override readonly name: string = "Refusal";
  readonly status: number;
  readonly code: RefusalCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: RefusalCode,
    message: string,
    details: { readonly headers?: Readonly<Record<string, string>>; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.status = status;
    this.code = code;
    this.headers = details.headers ?? {};
  }

  /** The body. */
  json(): string {
    return JSON.stringify({ errors: [{ code: this.code, message: this.message }] });
  }
}

/**
 * What clients are told of an error: what the registry behind said, or that it can't be asked. Undefined for an error that says
 * nothing to them.
 *
 * @param missing the code for what isn't there
 */
export function refusalOf(
  error: unknown,
  missing: "BLOB_UNKNOWN" | "MANIFEST_UNKNOWN" | "NAME_UNKNOWN",
): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (!(error instanceof BerthError)) return undefined;
  const details = { cause: error };
  const { status, after } = answerBehind(error);
  const message = messageOf(error);
  if (status === 429) {
    const headers = after === undefined ? {} : { "Retry-After": String(Math.ceil(after / 1000)) };
    return new Refusal(429, "TOOMANYREQUESTS", message, { ...details, headers });
  }
  // Never 401: who the cache is to the registry behind is no affair of its clients.
  if (status === 401 || status === 403) return new Refusal(403, "DENIED", message, details);
  const found = byKind.find(({ kind }) => isKind(error, kind));
  if (found === undefined) return undefined;
  return new Refusal(found.status, found.code ?? missing, message, details);
}

/** 502: the registry behind sent what it shouldn't; 503: it can't be asked now. */
const byKind: readonly { readonly kind: ErrorKind; readonly status: number; readonly code?: RefusalCode }[] = [
  { kind: "permission-denied", status: 403, code: "DENIED" },
  { kind: "not-found", status: 404 },
  { kind: "data-loss", status: 502, code: "UNKNOWN" },
  { kind: "invalid-argument", status: 502, code: "UNKNOWN" },
  { kind: "unimplemented", status: 502, code: "UNKNOWN" },
  { kind: "failed-precondition", status: 503, code: "UNAVAILABLE" },
  { kind: "unavailable", status: 503, code: "UNAVAILABLE" },
];

/** The status that a registry answered with, of an error that may be wrapped; undefined where it didn't answer. */
export function statusBehind(error: unknown): number | undefined {
  return answerBehind(error).status;
}

function answerBehind(error: unknown): { readonly status?: number; readonly after?: number | undefined } {
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    if (each instanceof RegistryError && each.facts.status !== undefined) {
      const { status, after } = each.facts;
      return { status, after };
    }
  }
  return {};
}
