import { once } from "node:events";
import type { Agent } from "node:http";
import { connect, isIP, type Socket } from "node:net";
import { connectionError } from "./connection-error.ts";
import { connectionFailure, RegistryError } from "./registry-error.ts";

/** How {@link throughSocks} connects. */
export interface SocksOptions {
  /** `socks5://NAME:PASSWORD@HOST:PORT` */
  readonly proxy: URL;
  /** Whether the servers behind it speak TLS. */
  readonly isSecure: boolean;
  /** Milliseconds for a connection, TLS included. */
  readonly patience: number;
  /** Ends connections that are being made. */
  readonly signal: AbortSignal;
}

/** Where a tunnel leads to. */
interface Destination {
  readonly host: string;
  readonly port: number;
}

const usualPort = 1080;

/** Whether a proxy is one of SOCKS5: it looks names up in either case, as Go has it. */
export function isSocks({ protocol }: URL): boolean {
  return protocol === "socks5:" || protocol === "socks5h:";
}

/** Have the connections of an agent go through a SOCKS5 proxy. @see RFC 1928, RFC 1929 */
export function throughSocks<T extends Agent>(agent: T, options: SocksOptions): T {
  const { hostname, port } = options.proxy;
  const address = { host: unbracketed(hostname), port: port === "" ? usualPort : Number(port) };
  const secured = agent.createConnection.bind(agent);
  agent.createConnection = (request, callback) => {
    const socket = connect({ ...address, noDelay: true, keepAlive: true });
    // Whoever waits for something is told.
    socket.on("error", () => undefined);
    const connected = async (): Promise<Socket> => {
      const destination = { host: unbracketed(request.host ?? ""), port: Number(request.port) };
      await openTunnel(socket, options.proxy, destination);
      if (!options.isSecure) return socket;
      const over = secured({ ...request, socket } as typeof request) as Socket;
      await once(over, "secureConnect");
      return over;
    };
    void inTime(socket, options, connected).then(
      (ready) => callback?.(null, ready),
      (error: Error) => {
        socket.destroy();
        callback?.(error, socket);
      },
    );
    return undefined;
  };
  return agent;
}

/** Do something with a new socket, as long as there is patience. */
async function inTime<T>(socket: Socket, { patience, signal }: SocksOptions, act: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => socket.destroy(connectionFailure("i/o timeout", { refused: true })), patience);
  const aborted = (): void => void socket.destroy(signal.reason);
  signal.addEventListener("abort", aborted, { once: true });
  try {
    signal.throwIfAborted();
    return await act();
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
  }
}

/** @throws {RegistryError} in Go's words */
async function openTunnel(socket: Socket, proxy: URL, destination: Destination): Promise<void> {
  try {
    await once(socket, "connect");
  } catch (error) {
    throw named("proxyconnect tcp", connectionError(error, proxy));
  }
  const [from, to] = [{ host: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 }, destination].map(textOf);
  try {
    const reader = readerOf(socket);
    await greet({ socket, reader }, accountOf(proxy));
    await ask({ socket, reader }, destination);
    reader.end();
  } catch (error) {
    throw named(`socks connect tcp ${from}->${to}`, connectionError(error, proxy));
  }
}

function named(what: string, error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error;
  return connectionFailure(`${what}: ${error.message}`, { ...error.facts, cause: error });
}

function textOf({ host, port }: Destination): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

const version = 5;
const methods = { none: 0, password: 2 };

interface Account {
  readonly name: Buffer;
  readonly password: Buffer;
}

function accountOf({ username, password }: URL): Account | undefined {
  if (username === "" && password === "") return undefined;
  return { name: unescaped(username), password: unescaped(password) };
}

/** The bytes of a part of a URL. They needn't be UTF-8. */
function unescaped(text: string): Buffer {
  return Buffer.from(
    text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
}

/** What is said and heard on. */
interface Line {
  readonly socket: Socket;
  readonly reader: Reader;
}

/** Agree on how to authenticate, and do so. */
async function greet({ socket, reader }: Line, account: Account | undefined): Promise<void> {
  const offered = account === undefined ? [methods.none] : [methods.none, methods.password];
  socket.write(Buffer.of(version, offered.length, ...offered));
  const [spoken, method = -1] = await reader.next(2);
  checkVersion(spoken);
  if (!offered.includes(method)) throw connectionFailure("no acceptable authentication methods");
  if (method === methods.none || account === undefined) return;
  const { name, password } = account;
  if (name.length === 0 || name.length > 255 || password.length === 0 || password.length > 255) {
    throw connectionFailure("invalid username/password");
  }
  socket.write(Buffer.concat([Buffer.of(1, name.length), name, Buffer.of(password.length), password]));
  const [, status] = await reader.next(2);
  if (status !== 0) throw connectionFailure("username/password authentication failed");
}

function checkVersion(spoken: number | undefined): void {
  if (spoken !== version) throw connectionFailure(`unexpected protocol version ${spoken}`);
}

/** What a proxy says that it couldn't do, by number. */
const replies = [
  "succeeded",
  "general SOCKS server failure",
  "connection not allowed by ruleset",
  "network unreachable",
  "host unreachable",
  "connection refused",
  "TTL expired",
  "command not supported",
  "address type not supported",
];
const types = { ipv4: 1, name: 3, ipv6: 4 };

/** Have the proxy connect to a server. */
async function ask({ socket, reader }: Line, { host, port }: Destination): Promise<void> {
  socket.write(Buffer.concat([Buffer.of(version, 1, 0), addressBytes(host), Buffer.of(port >> 8, port & 0xff)]));
  const [spoken, reply = -1, , type = -1] = await reader.next(4);
  checkVersion(spoken);
  if (reply !== 0) throw connectionFailure(`unknown error ${replies[reply] ?? `unknown code: ${reply}`}`);
  // Where it connects from is of no use.
  await reader.next((await addressSize(reader, type)) + 2);
}

async function addressSize(reader: Reader, type: number): Promise<number> {
  if (type === types.ipv4) return 4;
  if (type === types.ipv6) return 16;
  if (type === types.name) return (await reader.next(1))[0] ?? 0;
  throw connectionFailure(`unknown address type ${type}`);
}

function addressBytes(host: string): Buffer {
  const family = isIP(host);
  if (family === 4) return Buffer.of(types.ipv4, ...host.split(".").map(Number));
  if (family === 6) return Buffer.concat([Buffer.of(types.ipv6), ipv6Bytes(host)]);
  const name = Buffer.from(host);
  if (name.length > 255) throw connectionFailure("FQDN too long");
  return Buffer.concat([Buffer.of(types.name, name.length), name]);
}

/** The 16 bytes of an address, as a URL writes it: in hexadecimal, with zeroes left out at most once. */
function ipv6Bytes(address: string): Buffer {
  const canonical = unbracketed(new URL(`http://[${address}]/`).hostname);
  const [head = [], tail] = canonical.split("::").map((part) => part.split(":").filter((group) => group !== ""));
  const zeroes = tail === undefined ? [] : Array.from({ length: 8 - head.length - tail.length }, () => "0");
  const bytes = Buffer.alloc(16);
  for (const [n, group] of [...head, ...zeroes, ...(tail ?? [])].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * n);
  }
  return bytes;
}

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** Reads a socket that nobody else reads yet. */
interface Reader {
  /** The next bytes. @throws {RegistryError} when there are no more */
  readonly next: (size: number) => Promise<Buffer>;
  /** @throws {RegistryError} when more came than was read: whoever is behind the proxy has not been asked for anything */
  readonly end: () => void;
}

function readerOf(socket: Socket): Reader {
  let held = Buffer.of();
  return {
    next: async (size) => {
      while (held.length < size) held = Buffer.concat([held, await more(socket)]);
      const bytes = held.subarray(0, size);
      held = held.subarray(size);
      return bytes;
    },
    end: () => {
      if (held.length > 0) throw connectionFailure("unexpected bytes behind the answer");
    },
  };
}

async function more(socket: Socket): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read() as Buffer | null;
    if (bytes !== null) return bytes;
    if (socket.readableEnded || socket.destroyed) throw connectionFailure("unexpected EOF", { again: true });
    const listening = new AbortController();
    await Promise.race(["readable", "end", "close"].map((event) => once(socket, event, listening))).finally(() =>
      listening.abort(),
    );
  }
}
