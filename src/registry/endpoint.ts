import { monotonic } from "../base/clock.ts";
import { type Attempts, startAttempts } from "./attempts.ts";
import type { Authorizer } from "./authorization.ts";
import type { HttpResponse, RequestBody } from "./connection.ts";
import { rateLimitOf } from "./rate-limit.ts";
import { sendFollowing } from "./redirects.ts";
import { refusal } from "./refusal.ts";
import { described, isConnectionFailure, mayPass } from "./registry-error.ts";
import type { RateLimit } from "./repository.ts";
import type { Transport } from "./transport.ts";
import type { Warnings } from "./warnings.ts";

/** A request to a registry. */
export interface EndpointRequest {
  readonly method: string;
  /** Path and query below `/v2/`, or a whole URL that the registry gave. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Asked for again when the request is made again. */
  readonly body?: (() => RequestBody) | undefined;
  /** The method that errors name, where Docker would have used another. */
  readonly told?: string;
  /** What a token for it has to allow: `repository:library/busybox:pull`. */
  readonly scopes: readonly string[];
  /** Which statuses beside 2xx are answers as well; any other is thrown. */
  readonly accepts?: (status: number) => boolean;
  /** Shared by requests that are one for the user. */
  readonly attempts?: Attempts;
  readonly signal?: AbortSignal | undefined;
}

/** One server that speaks the distribution protocol. */
export interface Endpoint {
  /** With a `/` at the end; the API is at `v2/` below. */
  readonly base: URL;
  /**
   * Send a request, as the server wants it: with a token, to where it redirects, and again after a failure that may pass.
   *
   * @throws {BerthError} in Docker's words
   */
  send(request: EndpointRequest): Promise<HttpResponse>;
  /**
   * Find out whether it answers, and what it wants to know of who asks.
   *
   * @returns the status of its answer
   * @throws {RegistryError} when there is none
   */
  greet(): Promise<number>;
  /** What the server last said of its quota. */
  rateLimit(): RateLimit | undefined;
  /** Whether it failed just now, in a way that may pass, and hasn't answered since. */
  isDown(): boolean;
}

/** What an endpoint is made of. */
export interface EndpointParts {
  readonly base: URL;
  readonly transport: Transport;
  readonly authorizer: Authorizer;
  readonly maxAttempts: number;
  /** Whether a server may be reached without TLS. */
  readonly allowsPlain: (url: URL) => boolean;
  readonly warnings: Warnings;
  /** The registry that a mirror is asked for, which the mirror may have to know. @see distribution-spec spec.md#registry-proxying */
  readonly mirrored?: string;
}

/** Milliseconds in which a server that failed is not expected to answer. */
const downFor = 60_000;
/** Times that a request is made with what the server said of the time before: for a token, and for a new one. */
const mostRefusals = 2;

/** Nobody is contacted before the first request. */
export function openEndpoint(parts: EndpointParts): Endpoint {
  const { base, authorizer } = parts;
  /** Whether it ever answered: what fails before that is told as Docker's first request, and is not tried again. */
  let answered = false;
  let rateLimit: RateLimit | undefined;
  let failed: number | undefined;

  const heard = (response: HttpResponse): void => {
    answered = true;
    failed = undefined;
    rateLimit = rateLimitOf(response.headers) ?? rateLimit;
    if (response.url.origin === base.origin) parts.warnings(response, authorizer.conceal);
  };
  const authorized = async (request: EndpointRequest, url: URL): Promise<HttpResponse> => {
    const { method, headers = {}, body, scopes, signal } = request;
    // Who asks is nothing that another server need know.
    const known = url.origin === base.origin;
    for (let refusals = 0; ; refusals++) {
      const authorization = known ? await authorizer.authorization(scopes, signal) : undefined;
      const sent = authorization === undefined ? headers : { ...headers, Authorization: authorization.header };
      const response = await sendFollowing(parts.transport, { method, url, headers: sent, body, signal }, parts);
      heard(response);
      const mine = known && response.status === 401 && response.url.origin === base.origin;
      if (!mine || refusals === mostRefusals || !authorizer.refused(response, authorization, scopes)) return response;
      await response.finish();
    }
  };
  const attempt = async (request: EndpointRequest): Promise<HttpResponse> => {
    const url = urlOf(parts, request.target);
    let response: HttpResponse;
    try {
      response = await authorized(request, url);
    } catch (error) {
      const first = isConnectionFailure(error) && !answered;
      throw first
        ? described(error, "GET", new URL("v2/", base))
        : described(error, request.told ?? request.method, url);
    }
    const { status } = response;
    if ((status >= 200 && status < 300) || request.accepts?.(status) === true) return response;
    throw await refusal(response, authorizer.conceal);
  };
  return {
    base,
    send: async (request) => {
      const attempts = request.attempts ?? startAttempts(parts.maxAttempts);
      for (;;) {
        try {
          return await attempt(request);
        } catch (error) {
          if (mayPass(error)) failed = monotonic();
          if (!mayPass(error, answered)) throw error;
          await attempts.again(error, { after: error.facts.after, signal: request.signal });
        }
      }
    },
    greet: async () => {
      const url = new URL("v2/", base);
      try {
        const response = await parts.transport.send({ method: "GET", url, headers: {} });
        heard(response);
        if (response.status === 401) authorizer.refused(response, undefined, []);
        await response.finish();
        return response.status;
      } catch (error) {
        throw described(error, "GET", url);
      }
    },
    rateLimit: () => rateLimit,
    isDown: () => failed !== undefined && monotonic() - failed < downFor,
  };
}

function urlOf({ base, mirrored }: EndpointParts, target: string | URL): URL {
  const url = typeof target === "string" ? new URL(`v2/${target}`, base) : withSchemeOf(base, target);
  if (mirrored === undefined || url.origin !== base.origin || url.searchParams.has("ns")) return url;
  const asked = new URL(url);
  asked.searchParams.set("ns", mirrored);
  return asked;
}

/** A registry behind a proxy that ends TLS may not know that it is spoken to by TLS, and say `http` of itself. */
function withSchemeOf(base: URL, url: URL): URL {
  if (url.host !== base.host || url.protocol === base.protocol) return url;
  return new URL(`${base.origin}${url.pathname}${url.search}`);
}
