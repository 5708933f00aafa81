import type { ErrorKind } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { jsonIn } from "../oci/image-index.ts";
import { retryAfter } from "./attempts.ts";
import { beginningOf } from "./body.ts";
import { parseChallenges } from "./challenge.ts";
import type { HttpResponse } from "./connection.ts";
import { nodeHttp } from "./node-http.ts";
import { rateLimitOf } from "./rate-limit.ts";
import { RegistryError } from "./registry-error.ts";

/** An error as registries name them. @see distribution-spec v1.1 spec.md#error-codes */
interface Fault {
  readonly code: string;
  readonly message: string;
  /** It says nothing but its code, which is what Docker shows of it then. */
  readonly bare?: boolean;
}

/** Codes that Docker knows, with what it says where the registry says nothing. @see distribution registry/api/errcode */
const messages: ReadonlyMap<string, string> = new Map([
  ["UNKNOWN", "unknown error"],
  ["UNSUPPORTED", "The operation is unsupported."],
  ["UNAUTHORIZED", "authentication required"],
  ["DENIED", "requested access to the resource is denied"],
  ["UNAVAILABLE", "service unavailable"],
  ["TOOMANYREQUESTS", "too many requests"],
  ["DIGEST_INVALID", "provided digest did not match uploaded content"],
  ["SIZE_INVALID", "provided length did not match content length"],
  ["RANGE_INVALID", "invalid content range"],
  ["NAME_INVALID", "invalid repository name"],
  ["TAG_INVALID", "manifest tag did not match URI"],
  ["NAME_UNKNOWN", "repository name not known to registry"],
  ["MANIFEST_UNKNOWN", "manifest unknown"],
  ["MANIFEST_INVALID", "manifest invalid"],
  ["MANIFEST_UNVERIFIED", "manifest failed signature verification"],
  ["MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"],
  ["BLOB_UNKNOWN", "blob unknown to registry"],
  ["BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry"],
  ["BLOB_UPLOAD_INVALID", "blob upload invalid"],
  ["PAGINATION_NUMBER_INVALID", "invalid number of results requested"],
]);

/** Characters that are shown of each error, and how many of these. */
const mostShown = 1000;
const mostFaults = 10;
/** Statuses of a server's fault that another attempt doesn't mend. */
const lasting: ReadonlySet<number> = new Set([501, 505]);

/**
 * The error that an answer means, by its status and body, which is read.
 *
 * @param conceal takes secrets out of what a server says
 */
export async function refusal(response: HttpResponse, conceal: (text: string) => string): Promise<RegistryError> {
  const { status, headers } = response;
  const after = retryAfter(headers["retry-after"]);
  if (status < 400 || status >= 500) {
    response.discard();
    const message = `received unexpected HTTP status: ${statusText(status)}`;
    const again = status >= 500 && !lasting.has(status);
    return new RegistryError(status >= 500 ? "unavailable" : "internal", message, {
      status,
      code: "UNKNOWN",
      again,
      after,
    });
  }
  const text = conceal(await beginningOf(response, limits.refusal));
  const faults = [...tokenFaults(response, conceal), ...faultsOf(status, { type: headers["content-type"], text })];
  const [first = defaultFault(status, "")] = faults;
  const message = faults.length > 1 ? `errors:\n${faults.map(lineOf).join("\n")}\n` : lineOf(first);
  const facts = {
    status,
    code: first.code,
    first: lineOf(first),
    bare: first.bare === true,
    after,
    ...hopeOf(response, after),
  };
  return new RegistryError(kindOf(status, first.code), message, facts);
}

const tokenErrors: ReadonlyMap<string, string> = new Map([
  ["invalid_token", "UNAUTHORIZED"],
  ["insufficient_scope", "DENIED"],
]);

/** What a challenge says of the token that was sent. @see RFC 6750 section 3 */
function tokenFaults({ headers }: HttpResponse, conceal: (text: string) => string): readonly Fault[] {
  const challenges = parseChallenges(headers["www-authenticate"] ?? "").filter(({ scheme }) => scheme === "bearer");
  return challenges.slice(0, 1).flatMap(({ parameters }) => {
    const code = tokenErrors.get(parameters.get("error") ?? "");
    const said = shown(conceal(parameters.get("error_description") ?? ""));
    return code === undefined ? [] : [{ code, message: said === "" ? (messages.get(code) ?? "") : said }];
  });
}

/** Whether too many requests may be made again soon, and what to do about it. */
function hopeOf(
  response: HttpResponse,
  after: number | undefined,
): { readonly again: boolean; readonly hint?: string } {
  if (response.status === 408) return { again: true };
  if (response.status !== 429) return { again: false };
  const used = rateLimitOf(response.headers)?.remaining === 0 && after === undefined;
  return {
    again: !used,
    hint: "`berth login` raises the limit of most registries, a mirror in the settings file saves requests.",
  };
}

function kindOf(status: number, code: string): ErrorKind {
  if (code === "UNAUTHORIZED" || code === "DENIED" || status === 401 || status === 403) return "permission-denied";
  if (code === "TOOMANYREQUESTS" || code === "UNAVAILABLE" || status === 429) return "unavailable";
  if (code === "DIGEST_INVALID" || code === "SIZE_INVALID") return "data-loss";
  if (code === "UNSUPPORTED" || status === 405) return "unimplemented";
  return (code.endsWith("_UNKNOWN") && code !== "MANIFEST_BLOB_UNKNOWN") || status === 404
    ? "not-found"
    : "invalid-argument";
}

function lineOf({ code, message, bare }: Fault): string {
  const name = code.toLowerCase().replaceAll("_", " ");
  return bare === true ? name : `${name}: ${message}`;
}

/** `404 Not Found` */
export function statusText(status: number): string {
  return `${status} ${nodeHttp().STATUS_CODES[status] ?? ""}`.trimEnd();
}

function faultsOf(
  status: number,
  body: { readonly type: string | undefined; readonly text: string },
): readonly Fault[] {
  const type = body.type?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json" && type !== "application/vnd.api+json") return [defaultFault(status, body.text)];
  const { errors, details } = (jsonIn(Buffer.from(body.text)) ?? {}) as Record<string, unknown>;
  if (typeof details === "string" && details !== "") return [defaultFault(status, details)];
  return Array.isArray(errors) ? errors.slice(0, mostFaults).map(faultOf) : [];
}

function faultOf(value: unknown): Fault {
  const { code, message, detail } = (value ?? {}) as Record<string, unknown>;
  const known = typeof code === "string" && messages.has(code) ? code : "UNKNOWN";
  const said = typeof message === "string" ? shown(message) : "";
  const bare = (detail === undefined || detail === null) && (said === "" || said === messages.get(known));
  return { code: known, message: said, bare };
}

const byStatus: ReadonlyMap<number, string> = new Map([
  [401, "UNAUTHORIZED"],
  [403, "DENIED"],
  [429, "TOOMANYREQUESTS"],
]);

function defaultFault(status: number, text: string): Fault {
  const code = byStatus.get(status) ?? "UNKNOWN";
  const said = shown(text);
  if (said !== "") return { code, message: said };
  return { code, message: byStatus.has(status) ? (messages.get(code) ?? "") : statusText(status) };
}

/** What a server says, made fit for a terminal: without control characters, and not endless. */
export function shown(text: string): string {
  const plain = text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return plain.length > mostShown ? `${plain.slice(0, mostShown)}...` : plain;
}
