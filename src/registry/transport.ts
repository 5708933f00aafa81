import type { AgentOptions } from "node:https";
import { limits } from "../base/limits.ts";
import type { ProxySettings } from "../host/settings.ts";
import { serverCertificates, systemAuthorities } from "./certificates.ts";
import { exchange, type HttpRequest, type HttpResponse, type Open, type Patience } from "./connection.ts";
import { withLargeReads } from "./large-reads.ts";
import { nodeHttp, nodeHttps } from "./node-http.ts";
import { type Env, proxyFor } from "./proxies.ts";
import { isSocks, type SocksOptions, throughSocks } from "./socks.ts";

/** Connections to any number of servers, each kept for the next request. Disposing closes them and ends what is under way. */
export interface Transport extends Disposable {
  /** Send a request and wait for the head of its answer: see {@link exchange}. */
  send(request: HttpRequest): Promise<HttpResponse>;
}

/** Of a server. */
interface Address {
  readonly address: string;
  readonly family: number;
}

/** What a transport needs to know. */
export interface TransportOptions {
  /** Whether a server has to prove with a certificate who it is. */
  readonly verifies: (url: URL) => boolean;
  readonly userAgent: string;
  readonly proxies: ProxySettings;
  /** The one address that a server may be reached at; undefined for any that its name has. */
  readonly addressOf: (url: URL) => Address | undefined;
  /** Where a user's certificates are looked for. */
  readonly env: Env;
  /** Told of what is passed over of them. */
  readonly warn?: (message: string) => void;
  /** Beside the usual. */
  readonly patience?: Partial<Patience> | undefined;
}

const maxHeaderSize = limits.responseHead;
const usualPatience: Patience = { connect: 30_000, answer: 120_000, stall: 30_000 };
/** Milliseconds for the first of several addresses of a server before the next is tried: a far one answers within a second. */
const firstAddress = 2000;
/** Milliseconds that a connection is kept: servers close theirs after a minute or more. */
const idle = 30_000;

type Server = Open & { readonly close: () => void };

/** Make a transport; nobody is contacted yet. */
export function openTransport(options: TransportOptions): Transport {
  const servers = new Map<string, Server>();
  const closing = new AbortController();
  const patience = { ...usualPatience, ...options.patience };
  const making = { patience: patience.connect, signal: closing.signal };
  const serverOf = (url: URL): Open => {
    const known = servers.get(url.origin);
    if (known !== undefined) return known;
    const server = url.protocol === "https:" ? secureServer(url, options, making) : plainServer(url, options, making);
    servers.set(url.origin, server);
    return server;
  };
  return {
    send: async (request) => {
      const signal = request.signal === undefined ? closing.signal : AbortSignal.any([request.signal, closing.signal]);
      const headers = { "User-Agent": options.userAgent, ...request.headers };
      return await exchange(serverOf(request.url), { ...request, headers, signal }, patience);
    },
    [Symbol.dispose]: () => {
      closing.abort(new Error("the connections are closed"));
      for (const { close } of servers.values()) close();
    },
  };
}

/** How connections are made. */
type Making = Pick<SocksOptions, "patience" | "signal">;

/** What every connection has. Node's own agents know how to go through a proxy of HTTP, though not when. */
function agentOptions(url: URL, { proxies, addressOf }: TransportOptions): AgentOptions {
  const proxy = proxyFor(url, proxies);
  const address = proxy === undefined ? addressOf(url) : undefined;
  return {
    keepAlive: true,
    timeout: idle,
    autoSelectFamilyAttemptTimeout: firstAddress,
    ...(address === undefined ? {} : { lookup: (_, __, found) => found(null, [address]) }),
    ...(proxy === undefined || isSocks(proxy) ? {} : { proxyEnv: { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href } }),
  };
}

function plainServer(url: URL, options: TransportOptions, making: Making): Server {
  const plain = new (nodeHttp().Agent)(agentOptions(url, options));
  const proxy = proxyFor(url, options.proxies);
  const agent =
    proxy && isSocks(proxy) ? throughSocks(plain, { proxy, isSecure: false, ...making }) : withLargeReads(plain);
  const open: Open = (target, request) => nodeHttp().request(target, { ...request, agent, maxHeaderSize });
  return Object.assign(open, { close: () => agent.destroy(), proxy: httpProxy(proxy) });
}

function httpProxy(proxy: URL | undefined): URL | undefined {
  return proxy !== undefined && !isSocks(proxy) ? proxy : undefined;
}

function secureServer(url: URL, options: TransportOptions, making: Making): Server {
  const verify = options.verifies(url);
  const { ca, client } = serverCertificates(url, options);
  const agent = new (nodeHttps().Agent)({
    ...agentOptions(url, options),
    rejectUnauthorized: verify,
    ...(verify ? { ca: [...systemAuthorities(options.env), ...ca] } : {}),
    ...(client.length === 0 ? {} : { cert: client.map(({ cert }) => cert), key: client.map(({ key }) => key) }),
  });
  const proxy = proxyFor(url, options.proxies);
  if (proxy && isSocks(proxy)) throughSocks(agent, { proxy, isSecure: true, ...making });
  const open: Open = (target, request) => nodeHttps().request(target, { ...request, agent, maxHeaderSize });
  return Object.assign(open, { close: () => agent.destroy(), proxy: httpProxy(proxy) });
}
