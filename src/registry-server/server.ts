import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createTLSServer } from "node:https";
import { type AddressInfo, isIPv6 } from "node:net";
import { monotonic } from "../base/clock.ts";
import { BerthError, codeOf, messageOf } from "../base/errors.ts";
import { openArrivals } from "./arrivals.ts";
import type { CacheDeps, Outcome, ServingDeps } from "./deps.ts";
import { answer, type Parts } from "./handler.ts";
import { type Address, isItself, isLoopback } from "./itself.ts";
import { openLists } from "./lists.ts";
import { Refusal, refusalOf } from "./refusal.ts";
import { isHost, type Route, routeOf } from "./route.ts";
import { ClientGone } from "./send.ts";
import { openTurns } from "./turns.ts";
import { openUpstreams } from "./upstream.ts";
import { openUses } from "./uses.ts";

/** How a cache is served. */
export interface ServeOptions {
  /** Where: every address of this machine for an empty host, a free port for 0. */
  readonly listen: Address;
  /** PEM. Plain HTTP when absent. */
  readonly tls?: { readonly certificate: Buffer; readonly key: Buffer };
  /** Whether plain HTTP may be served to other machines. */
  readonly insecure: boolean;
  /** The registry of names without one: `docker.io`. */
  readonly upstream: string;
  /** Registries that may be asked beside the upstream, `*` for any; where it is empty, any for clients on this machine alone, else none. */
  readonly allow: readonly string[];
  /** Milliseconds after which a registry is asked again what a tag leads to. */
  readonly tagTTL: number;
  /** Bytes that may be kept; no end when absent. */
  readonly maxSize?: number;
  /** Blobs that are fetched from one registry at once, at least 1; small ones beside them. */
  readonly maxDownloads: number;
  /** Told of every request when it is over. */
  readonly log?: (entry: LogEntry) => void;
}

/** What came of a request. */
export interface LogEntry {
  /** The client's address. */
  readonly client: string;
  readonly method: string;
  /** Path and query, as they came. */
  readonly url: string;
  /** 499 for a client that went away first. */
  readonly status: number;
  /** Bytes of the body that were sent. */
  readonly bytes: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Absent where neither store nor registry was asked. */
  readonly outcome?: Outcome;
  /** What went wrong. */
  readonly error?: string;
}

/** A cache that is served, until disposed: what is under way is cut then, and gone on with the next time. */
export interface RunningCache extends AsyncDisposable {
  /** `http://127.0.0.1:5000` */
  readonly url: string;
}

/** Requests at a time. */
const mostRequests = 256;
const bounds: ServerOptions & { readonly maxConnections: number } = {
  maxHeaderSize: 16 << 10,
  // Milliseconds.
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 1_000,
  maxConnections: 1_024,
};

/**
 * Serve the pull side of the distribution protocol, from the store and the registries behind it.
 *
 * @throws {BerthError} failed-precondition, where it can't listen or the certificate is none, and for plain HTTP to other machines
 * @see distribution-spec v1.1
 */
export async function serveCache(deps: CacheDeps, options: ServeOptions): Promise<RunningCache> {
  checkOptions(options);
  await using stack = new AsyncDisposableStack();
  const stop = new AbortController();
  // Recording the last uses is all that can fail here, and they are recorded anew.
  const uses = stack.use(openUses(deps, () => undefined));
  const turns = openTurns(options.maxDownloads);
  const serving: ServingDeps = { ...deps, uses, turns, maxSize: options.maxSize, signal: stop.signal };
  const upstreams = openUpstreams(stop.signal);
  const arrivals = stack.use(openArrivals(serving));
  const { tagTTL } = options;
  const parts = { deps: serving, upstreams, arrivals, tagTTL, lists: openLists(serving, { upstreams, ttl: tagTTL }) };
  const server = openServer(options);
  const address = await listen(server, options.listen);
  stack.defer(() => closeServer(server, stop));
  handleRequests(server, parts, { ...options, listen: address });
  const owned = stack.move();
  return {
    url: urlOf(address, options),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function urlOf({ host, port }: Address, { tls }: ServeOptions): string {
  return `${tls === undefined ? "http" : "https"}://${textOf({ host, port })}`;
}

function textOf({ host, port }: Address): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** @throws {BerthError} invalid-argument; failed-precondition, for what anybody on the network could read and change */
function checkOptions({ listen: { host }, tls, insecure, upstream, allow }: ServeOptions): void {
  if (!isHost(upstream)) {
    throw new BerthError("invalid-argument", `invalid upstream ${JSON.stringify(upstream)}: not a registry's host`);
  }
  const strange = allow.find((registry) => registry !== "*" && !isHost(registry));
  if (strange !== undefined) {
    throw new BerthError("invalid-argument", `can't allow ${JSON.stringify(strange)}: not a registry's host`, {
      hint: "Name one, as quay.io or registry.example:5000, or `*` for any.",
    });
  }
  if (tls !== undefined || insecure || isLoopback(host)) return;
  throw new BerthError("failed-precondition", `refusing to listen on ${host || "every address"} without TLS`, {
    hint: "Give --tls-cert and --tls-key, listen on 127.0.0.1, or say --insecure where the network is one to trust.",
  });
}

function openServer({ tls }: ServeOptions): Server {
  if (tls === undefined) return createServer(bounds);
  try {
    return createTLSServer({ ...bounds, cert: tls.certificate, key: tls.key, minVersion: "TLSv1.2" });
  } catch (error) {
    throw new BerthError("failed-precondition", `the certificate or its key can't be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Why a server can't listen, in Go's words. */
const notListening: ReadonlyMap<string, string> = new Map([
  ["EADDRINUSE", "bind: address already in use"],
  ["EACCES", "bind: permission denied"],
  ["EADDRNOTAVAIL", "bind: cannot assign requested address"],
  ["ENOTFOUND", "no such host"],
]);

async function listen(server: Server, { host, port }: Address): Promise<Address> {
  server.maxConnections = bounds.maxConnections;
  try {
    server.listen({ port, ...(host === "" ? {} : { host }) });
    await once(server, "listening");
  } catch (error) {
    const reason = notListening.get(codeOf(error) ?? "");
    if (reason === undefined) throw error;
    throw new BerthError("failed-precondition", `listen tcp ${textOf({ host, port })}: ${reason}`, {
      cause: error,
      hint: "Choose another address by --listen.",
    });
  }
  // A server that listens on a port has an address of this form.
  const { address, port: given } = server.address() as AddressInfo;
  return { host: address, port: given };
}

async function closeServer(server: Server, stop: AbortController): Promise<void> {
  const closed = once(server, "close");
  server.close();
  stop.abort(new ClientGone("the cache ends"));
  server.closeAllConnections();
  await closed;
}

function handleRequests(server: Server, parts: Parts, options: ServeOptions): void {
  let running = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    running++;
    try {
      await handleRequest({ request, response, isFull: running > mostRequests }, parts, options);
    } finally {
      running--;
    }
  };
  server.on("request", (request, response) => void handle(request, response));
  // Nobody is told to go on with a body.
  server.on("checkContinue", (request, response) => void handle(request, response));
}

interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly isFull: boolean;
}

async function handleRequest(incoming: Incoming, parts: Parts, options: ServeOptions): Promise<void> {
  const { request, response } = incoming;
  const { method = "", url = "", socket } = request;
  const started = monotonic();
  const facts: { outcome?: Outcome; error?: string } = {};
  const written = socket.bytesWritten;
  response.once("close", () => {
    const status = response.writableFinished || response.headersSent ? response.statusCode : 499;
    options.log?.({
      client: socket.remoteAddress ?? "",
      ...{ method, url, status, ...facts },
      bytes: socket.bytesWritten - written,
      duration: monotonic() - started,
    });
  });
  let route: Route | undefined;
  try {
    response.setHeader("Docker-Distribution-API-Version", "registry/2.0");
    route = routed(incoming, options);
    await answer(parts, route, {
      request,
      response,
      outcome: (outcome) => {
        facts.outcome = outcome;
      },
    });
  } catch (error) {
    facts.error = messageOf(error);
    refuse(response, refusalOf(error, missing(route)) ?? new Refusal(500, "UNKNOWN", "internal error"));
  }
}

/** @throws {Refusal} */
function routed({ request, response, isFull }: Incoming, options: ServeOptions): Route {
  const { method = "", url = "", headers } = request;
  if (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0) {
    response.setHeader("Connection", "close");
  }
  const route = routeOf(method, url, options.upstream);
  if (response.hasHeader("Connection")) throw new Refusal(400, "UNSUPPORTED", "the cache takes no bodies");
  if (isFull) {
    throw new Refusal(429, "TOOMANYREQUESTS", "the cache is busy", { headers: { "Retry-After": "1" } });
  }
  if (route.kind !== "base" && !mayAsk(route.name.domain, options)) {
    throw new Refusal(403, "DENIED", `the cache doesn't serve ${route.name.domain}`);
  }
  return route;
}

/** A cache behind itself would ask forever. */
function mayAsk(domain: string, { listen: address, upstream, allow }: ServeOptions): boolean {
  if (isItself(domain, address)) return false;
  const isAny = allow.includes("*") || (allow.length === 0 && isLoopback(address.host));
  return isAny || domain === upstream || allow.includes(domain);
}

function missing(route: Route | undefined): Parameters<typeof refusalOf>[1] {
  if (route?.kind === "manifest") return "MANIFEST_UNKNOWN";
  return route?.kind === "blob" ? "BLOB_UNKNOWN" : "NAME_UNKNOWN";
}

function refuse(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  for (const name of ["Docker-Content-Digest", "ETag", "Accept-Ranges", "Link", "Warning"]) response.removeHeader(name);
  const body = Buffer.from(refusal.json());
  response.writeHead(refusal.status, {
    ...refusal.headers,
    "Content-Type": "application/json",
    "Content-Length": body.length,
  });
  response.end(response.req.method === "HEAD" ? undefined : body);
}
