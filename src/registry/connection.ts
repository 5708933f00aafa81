import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { monotonic } from "../base/clock.ts";
import { connectionError, proxiedError } from "./connection-error.ts";
import { bodyPastParser } from "./large-reads.ts";
import { connectionFailure, type FailureFacts, mayPass } from "./registry-error.ts";

/** What is sent with a request. */
export interface RequestBody {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Bytes, where it is known. */
  readonly length?: number;
}

/** A request to one server, as it goes over the wire. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: RequestBody | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The answer of a server. Its body must be read to the end, or discarded. */
export interface HttpResponse {
  /** Where it came from. */
  readonly url: URL;
  readonly method: string;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The body as it comes. @throws {RegistryError} when it is cut, or nothing comes any more */
  readonly body: AsyncIterable<Buffer>;
  /** The same, faster: a piece is good until the next one is asked for. */
  fleeting(): AsyncIterable<Buffer>;
  /** Give the body up. */
  discard(): void;
  /** Give the body up, and wait for the end of a short one: the next request then takes the same connection. */
  finish(): Promise<void>;
}

/** Begins a request: `http.request` or `https.request`, with what a server needs. */
export type Open = ((
  url: URL,
  options: { readonly method: string; readonly headers: Readonly<Record<string, string>> },
) => ClientRequest) & {
  /** The proxy of HTTP that the server is reached through. */
  readonly proxy?: URL | undefined;
};

/** How long a server is waited for, in milliseconds. */
export interface Patience {
  /** For a connection, TLS included. */
  readonly connect: number;
  /** For the head of an answer, when everything was sent: a registry may look at a large blob first. */
  readonly answer: number;
  /** For the next piece of a body. */
  readonly stall: number;
}

/** Bytes that a body has to bring in the time of a stall: a byte now and then is a stall, too. */
const leastProgress = 1024;
/** Milliseconds that a reader may take for a piece without the waiting starting anew. */
const slowReader = 1000;
/** Bytes of a body that are read and dropped, so that its connection can be used again. */
const worthReading = 64 << 10;

/**
 * Send a request and wait for the head of the answer. That a connection which was kept is closed by now is no failure: another one
 * is made, unless something of a body was read.
 *
 * @throws {RegistryError} when there is no answer; the reason of the signal; what the body throws
 */
export async function exchange(open: Open, request: HttpRequest, patience: Patience): Promise<HttpResponse> {
  for (;;) {
    request.signal?.throwIfAborted();
    const outgoing = open(request.url, { method: request.method, headers: headersOf(request) });
    try {
      return responseOf(await answerTo(outgoing, request, { ...patience, proxy: open.proxy }), request, patience);
    } catch (error) {
      outgoing.destroy();
      const closed = outgoing.reusedSocket && mayPass(error);
      if (!closed || request.body !== undefined) throw error;
    }
  }
}

/** Without a length, a body goes in chunks. */
function headersOf({ headers, body, method }: HttpRequest): Readonly<Record<string, string>> {
  const length = body === undefined ? 0 : body.length;
  const silent = length === undefined || (body === undefined && (method === "GET" || method === "HEAD"));
  return silent ? headers : { ...headers, "Content-Length": String(length) };
}

function answerTo(
  outgoing: ClientRequest,
  request: HttpRequest,
  { proxy, ...patience }: Patience & Pick<Open, "proxy">,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { hostname, protocol } = request.url;
  const fail = (error: unknown): void => {
    reject(error);
    outgoing.destroy();
  };
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  /** Fail when `ms` pass before the next call; wait for ever when absent. Nothing is waited for once there is an answer. */
  const wait = (what: string, ms?: number, facts: FailureFacts = { again: true }): void => {
    clearTimeout(timer);
    if (ms === undefined || isOver) return;
    timer = setTimeout(() => fail(connectionFailure(what, facts)), ms);
  };
  const aborted = (): void => fail(request.signal?.reason);
  request.signal?.addEventListener("abort", aborted, { once: true });
  const send = async (): Promise<void> => {
    await sendBody(outgoing, request.body, wait, patience);
    wait("net/http: timeout awaiting response headers", patience.answer);
  };
  wait(`dial tcp: connect to ${hostname}: i/o timeout`, patience.connect, { refused: true });
  outgoing.once("response", resolve);
  outgoing.on("error", (error) =>
    reject(proxy === undefined ? connectionError(error, request.url) : proxiedError(error, proxy, request.url)),
  );
  outgoing.once("socket", (socket: Socket) => {
    if (!socket.connecting) return void send().catch(fail);
    socket.once(protocol === "https:" ? "secureConnect" : "connect", () => void send().catch(fail));
  });
  return promise.finally(() => {
    isOver = true;
    wait("");
    request.signal?.removeEventListener("abort", aborted);
  });
}

/** Send what there is, until the server answers: one that has had enough may do so before the end. */
async function sendBody(
  outgoing: ClientRequest,
  body: RequestBody | undefined,
  wait: (what: string, ms?: number) => void,
  patience: Patience,
): Promise<void> {
  let answered = false;
  outgoing.once("response", () => {
    answered = true;
  });
  let sent = 0;
  for await (const chunk of body?.bytes ?? []) {
    if (answered || outgoing.destroyed) return;
    sent += chunk.length;
    if (outgoing.write(chunk)) continue;
    wait("write: i/o timeout", patience.stall);
    await drained(outgoing);
    wait("");
  }
  if (body?.length !== undefined && sent !== body.length) {
    throw new Error(`a body of ${sent} bytes was announced to have ${body.length}`);
  }
  outgoing.end();
}

/** Wait until more can be written, or nothing need be any more. */
async function drained(outgoing: ClientRequest): Promise<void> {
  const events = ["drain", "close", "response"];
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const event of events) outgoing.once(event, resolve);
  await promise;
  for (const event of events) outgoing.off(event, resolve);
}

function responseOf(incoming: IncomingMessage, request: HttpRequest, patience: Patience): HttpResponse {
  // Whoever reads the body is told; where nobody does, nobody need be.
  incoming.on("error", () => undefined);
  const body = bodyOf(incoming, incoming, { ...request, patience });
  // The connection can be used again when the body is read to its end.
  const discard = (): void => void (isShort(incoming, request.method) ? incoming.resume() : incoming.destroy());
  return {
    url: request.url,
    method: request.method,
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    body,
    fleeting: () => bodyOf(incoming, bodyPastParser(incoming) ?? incoming, { ...request, patience }),
    discard,
    finish: async () => {
      if (!isShort(incoming, request.method)) return discard();
      // What fails now is told by the next request, or nobody need know.
      await Array.fromAsync(body).catch(discard);
    },
  };
}

function isShort({ headers, statusCode }: IncomingMessage, method: string): boolean {
  return method === "HEAD" || statusCode === 204 || Number(headers["content-length"]) <= worthReading;
}

/** @param bytes those of `incoming` */
async function* bodyOf(
  incoming: IncomingMessage,
  bytes: AsyncIterable<unknown>,
  { signal, url, patience }: Pick<HttpRequest, "signal" | "url"> & { readonly patience: Patience },
): AsyncGenerator<Buffer> {
  let waiting = true;
  let isDue = false;
  const stalled = (): void => {
    const what = `nothing came for ${patience.stall / 1000} seconds`;
    if (waiting) incoming.destroy(connectionFailure(what, { again: true }));
    else isDue = true;
  };
  const timer = setTimeout(stalled, patience.stall);
  const aborted = (): void => void incoming.destroy(signal?.reason);
  signal?.addEventListener("abort", aborted, { once: true });
  try {
    signal?.throwIfAborted();
    let fresh = 0;
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      fresh += chunk.length;
      const given = monotonic();
      waiting = false;
      yield chunk;
      waiting = true;
      if (fresh < leastProgress && monotonic() - given < slowReader) {
        // The time was over while the reader had the piece.
        if (isDue) stalled();
        continue;
      }
      fresh = 0;
      isDue = false;
      timer.refresh();
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw connectionError(error, url);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", aborted);
  }
}
