import { once } from "node:events";
import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type Listening, listen } from "./listen.ts";
import { pick, type Random, randomOf } from "./random.ts";

/** What the proxy may do with a request or its answer. */
export type Fault =
  /** Close the connection, the registry being told nothing. */
  | "drop"
  /** Close it when the registry has done what it was asked. */
  | "forget"
  /** 429, 502 or 503 in the registry's place, mostly with `Retry-After`. */
  | "refuse"
  /** Answer some time later. */
  | "delay"
  /** Close the connection within a body, either way. */
  | "cut"
  /** Flip a bit of a body, either way. */
  | "corrupt"
  /** An answer that ends early, as if that was its length. */
  | "short"
  /** An answer with more bytes than the registry's, as if that was its length. */
  | "long"
  /** The whole blob where a part was asked for. */
  | "whole"
  /** An answer that doesn't go on. */
  | "stall";

export const allFaults: readonly [Fault, ...Fault[]] = [
  ...(["drop", "forget", "refuse", "delay", "cut", "corrupt", "short", "long", "whole", "stall"] as const),
];

/** How often the proxy does what. */
export interface Mischief {
  /** With the same seed, the n-th request for something meets the same fault. */
  readonly seed: string;
  /** Of the requests that may meet a fault, how many do: from 0 to 1. */
  readonly share: number;
  readonly kinds: readonly [Fault, ...Fault[]];
}

/** A request that came through, and its answer. */
export interface Exchange {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly fault: Fault | undefined;
  /** Of the answer; 0 when there was none. */
  status: number;
  /** Bytes of the body that the client sent, as far as the proxy saw them. */
  sent: number;
  /** Bytes of the body that went to the client. */
  received: number;
  isOver: boolean;
}

/** A proxy between a client and a registry, both with plain HTTP on loopback. */
export interface FaultyProxy extends Listening {
  /** What came through so far. */
  readonly exchanges: readonly Exchange[];
  /** From now on do this; nothing when absent. Forgets the exchanges. @param options milliseconds between the pieces of a body */
  behave(mischief?: Mischief, options?: { readonly pace?: number }): void;
}

/** Start a proxy that leaves everything as it is at first. @param registry `127.0.0.1:PORT` */
export async function openFaultyProxy(registry: string): Promise<FaultyProxy> {
  const agent = new Agent({ keepAlive: true });
  const exchanges: Exchange[] = [];
  let choose = chooser();
  let pace = 0;
  const server = await listen(async (request, response) => {
    const { method = "", url: path = "" } = request;
    const { fault, random } = choose(request);
    const exchange = { method, path, fault, status: 0, sent: 0, received: 0, isOver: false };
    exchanges.push(exchange);
    try {
      await relay(request, response, { registry, agent, exchange, random, pace });
    } finally {
      exchange.isOver = true;
    }
  });
  return {
    ...server,
    exchanges,
    behave: (mischief, options = {}) => {
      exchanges.length = 0;
      choose = chooser(mischief);
      pace = options.pace ?? 0;
    },
    [Symbol.asyncDispose]: async () => {
      agent.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Bytes of a body whose length isn't told before. */
const usualBody = 64 << 10;
/** Bytes behind the end. */
const extra = Buffer.alloc(1000, "more");

type Choose = (request: IncomingMessage) => { readonly fault: Fault | undefined; readonly random: Random };

/** Requests come in any order: what one meets depends on what it asks for, and how often that was asked for. */
function chooser(mischief?: Mischief): Choose {
  const counts = new Map<string, number>();
  return ({ method = "", url = "", headers }) => {
    const what = `${method} ${url.replace(/\/uploads\/[^/]+$/, "/uploads/")}`;
    const count = (counts.get(what) ?? 0) + 1;
    counts.set(what, count);
    const random = randomOf(`${mischief?.seed} ${what} ${count}`);
    if (mischief === undefined || random() >= mischief.share) return { fault: undefined, random };
    const kinds = mischief.kinds.filter((kind) => isFor(kind, { method, isPart: headers.range !== undefined }));
    const [first, ...others] = kinds;
    return { fault: first === undefined ? undefined : pick(random, [first, ...others]), random };
  };
}

function isFor(fault: Fault, { method, isPart }: { readonly method: string; readonly isPart: boolean }): boolean {
  if (fault === "short" || fault === "long" || fault === "stall") return method === "GET";
  if (fault === "cut" || fault === "corrupt") return ["GET", "PATCH", "PUT"].includes(method);
  return fault !== "whole" || isPart;
}

/** What {@link relay} works with. */
interface Relay {
  readonly registry: string;
  readonly agent: Agent;
  readonly exchange: Exchange;
  readonly random: Random;
  /** Milliseconds between the pieces of a body. */
  readonly pace: number;
}

async function relay(request: IncomingMessage, response: ServerResponse, to: Relay): Promise<void> {
  const { exchange, random } = to;
  const { fault } = exchange;
  if (fault === "drop") return void response.destroy();
  if (fault === "refuse") return refuse(request, response, to);
  if (fault === "delay") await sleep(random() * 300);
  const answer = await ask(request, to);
  if (answer === undefined || fault === "forget") {
    answer?.destroy();
    return void response.destroy();
  }
  await sendBack(answer, response, to);
}

function refuse(request: IncomingMessage, response: ServerResponse, { exchange, random }: Relay): void {
  request.resume();
  exchange.status = pick(random, [429, 502, 503]);
  const waits = [{}, { "Retry-After": "0" }, { "Retry-After": "1" }, { "Retry-After": new Date().toUTCString() }];
  response.writeHead(exchange.status, pick(random, [{}, ...waits]));
  response.end("the proxy has no time\n");
}

/** Have the registry answer. @returns undefined, where the connection was cut before */
async function ask(request: IncomingMessage, to: Relay): Promise<IncomingMessage | undefined> {
  const { registry, agent, exchange } = to;
  const { range, ...others } = request.headers;
  const headers = exchange.fault === "whole" || range === undefined ? others : { ...others, range };
  const outgoing = httpRequest(`http://${registry}${request.url}`, { method: exchange.method, headers, agent });
  outgoing.on("error", () => undefined);
  const answered = once(outgoing, "response");
  // Told to whoever waits for it.
  answered.catch(() => undefined);
  const isCut = await sendOn(request, outgoing, to);
  if (isCut) {
    outgoing.destroy();
    return undefined;
  }
  const [answer] = (await answered) as [IncomingMessage];
  return answer;
}

/** Send a request's body on. @returns true, when it was cut, or the client has gone away */
async function sendOn(request: IncomingMessage, outgoing: ClientRequest, to: Relay): Promise<boolean> {
  const { exchange, random, pace } = to;
  const fault = exchange.method === "GET" ? undefined : exchange.fault;
  const size = Number(request.headers["content-length"] ?? usualBody);
  try {
    for await (const bytes of damaged(request, { fault, at: Math.floor(random() * size), random })) {
      exchange.sent += bytes.length;
      await write(outgoing, bytes);
      if (pace > 0) await sleep(pace);
    }
  } catch (error) {
    if (!request.destroyed) throw error;
    return true;
  }
  if (fault === "cut") return true;
  outgoing.end();
  return false;
}

async function sendBack(answer: IncomingMessage, response: ServerResponse, to: Relay): Promise<void> {
  const { exchange, random, pace } = to;
  exchange.status = answer.statusCode ?? 0;
  const size = Number(answer.headers["content-length"] ?? 0);
  const hasBody = exchange.method === "GET" && exchange.status < 300 && size > 0;
  const fault = hasBody ? exchange.fault : undefined;
  const at = Math.floor(random() * size);
  const length = { short: at, long: size + extra.length }[String(fault)];
  response.writeHead(exchange.status, {
    ...answer.headers,
    ...(length === undefined ? {} : { "content-length": length }),
  });
  for await (const bytes of damaged(answer, { fault, at, random })) {
    exchange.received += bytes.length;
    await write(response, bytes);
    if (response.destroyed) return;
    if (pace > 0) await sleep(pace);
  }
  if (fault === "stall") await once(response, "close");
  if (fault === "cut") response.destroy();
  else response.end();
}

/** What becomes of a body by a fault at one of its bytes. */
async function* damaged(
  body: AsyncIterable<Buffer>,
  { fault, at, random }: { readonly fault: Fault | undefined; readonly at: number; readonly random: Random },
): AsyncGenerator<Buffer> {
  let offset = 0;
  for await (const chunk of body) {
    const here = at - offset;
    offset += chunk.length;
    const isHere = here >= 0 && here < chunk.length;
    if (isHere && (fault === "cut" || fault === "short" || fault === "stall")) return yield chunk.subarray(0, here);
    yield isHere && fault === "corrupt" ? flipped(chunk, here, random) : chunk;
  }
  if (fault === "long") yield extra;
}

/** Write, and wait until more can be written, or nothing need be any more. */
async function write(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (stream.write(bytes) || stream.destroyed) return;
  const listening = new AbortController();
  await Promise.race(["drain", "close"].map((event) => once(stream, event, listening)));
  listening.abort();
}

function flipped(bytes: Buffer, at: number, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  return copy;
}
