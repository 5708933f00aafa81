import { BerthError } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import type { HttpRequest, HttpResponse, RequestBody } from "./connection.ts";
import type { Transport } from "./transport.ts";

/** A request that can be made again elsewhere. */
export type Redirectable = Omit<HttpRequest, "body"> & { readonly body?: (() => RequestBody) | undefined };

/** How far redirects are followed. */
export interface RedirectRules {
  /** Whether a server may be reached without TLS. */
  readonly allowsPlain: (url: URL) => boolean;
  /** Whether it may be sent to another server than the first; true when absent. */
  readonly leaves?: boolean;
}

/** The method changes for none of these but 303, as it does only for what isn't sent here anyway. */
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const keepsMethod: ReadonlySet<number> = new Set([307, 308]);

/**
 * Send a request, and go where the server sends it. Another server than the first never gets to see who asks; one without TLS is
 * asked only where that is allowed.
 */
export async function sendFollowing(
  transport: Transport,
  request: Redirectable,
  rules: RedirectRules,
): Promise<HttpResponse> {
  let { url, headers } = request;
  for (let n = 0; ; n++) {
    const { body, ...rest } = request;
    const response = await transport.send({ ...rest, url, headers, body: body?.() });
    const next = targetOf(response);
    if (next === undefined) return response;
    response.discard();
    if (n === limits.redirects) throw new BerthError("unavailable", `stopped after ${limits.redirects} redirects`);
    checkTarget(url, next, rules);
    if (next.origin !== url.origin && rules.leaves === false) {
      throw new BerthError("permission-denied", `${url.host} redirects to another server`);
    }
    if (next.origin !== url.origin) headers = withoutCredentials(headers);
    url = next;
  }
}

function targetOf({ status, method, headers, url }: HttpResponse): URL | undefined {
  const { location } = headers;
  if (!redirects.has(status) || location === undefined) return undefined;
  if (method !== "GET" && method !== "HEAD" && !keepsMethod.has(status)) return undefined;
  return URL.canParse(location, url) ? new URL(location, url) : undefined;
}

function checkTarget(from: URL, to: URL, { allowsPlain }: RedirectRules): void {
  const plain = to.protocol === "http:";
  if (to.protocol !== "https:" && !plain) {
    throw new BerthError("unavailable", `${from.host} redirects to an unsupported protocol scheme`);
  }
  if (plain && from.protocol === "https:" && !allowsPlain(to)) {
    throw new BerthError("permission-denied", `${from.host} redirects from HTTPS to plain HTTP`, {
      hint: `Where that is meant to be, name ${to.host} in "insecure-registries" of the settings file.`,
    });
  }
}

function withoutCredentials(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"));
}
