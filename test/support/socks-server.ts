import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A SOCKS5 proxy on loopback. */
export interface SocksServer extends AsyncDisposable {
  /** `socks5://127.0.0.1:PORT` */
  readonly url: string;
  /** Where it was asked to connect to, as `registry.test:5000`, first to last. */
  readonly asked: readonly string[];
}

/** How it behaves. */
export interface SocksOptions {
  /** What it wants to hear; anybody may come when absent. */
  readonly account?: { readonly name: string; readonly password: string };
  /** Where it connects to in place of what it is asked for. */
  readonly target?: string;
  /** Does what it likes with a connection. */
  readonly instead?: (socket: Socket) => void;
}

/** Start a proxy that speaks SOCKS5. @see RFC 1928, RFC 1929 */
export async function openSocksServer({ account, target, instead }: SocksOptions = {}): Promise<SocksServer> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    if (instead !== undefined) return instead(socket);
    serve(socket, account, (name) => {
      asked.push(name);
      const [host = "", port = ""] = (target ?? name).split(":");
      const through = connect(Number(port), host);
      sockets.add(through);
      return through;
    }).catch((error: unknown) => socket.destroy(error instanceof Error ? error : undefined));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    // A server that listens on a port has an address of this form.
    url: `socks5://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function serve(socket: Socket, account: SocksOptions["account"], open: (name: string) => Socket): Promise<void> {
  // With it, waiting again for more of what is there doesn't end at once.
  const read = (): void => undefined;
  socket.on("readable", read);
  const [, count = 0] = await take(socket, 2);
  const method = account === undefined ? 0 : 2;
  const offered = (await take(socket, count)).includes(method);
  socket.write(Buffer.of(5, offered ? method : 0xff));
  if (!offered) return void socket.end();
  if (account !== undefined) {
    const [, size = 0] = await take(socket, 2);
    const name = (await take(socket, size)).toString();
    const [length = 0] = await take(socket, 1);
    const isRight = name === account.name && (await take(socket, length)).toString() === account.password;
    socket.write(Buffer.of(1, isRight ? 0 : 1));
    if (!isRight) return void socket.end();
  }
  const [, , , type] = await take(socket, 4);
  const host = await hostOf(socket, type);
  const port = (await take(socket, 2)).readUInt16BE();
  const through = open(`${host}:${port}`);
  through.once("error", () => socket.end(reply(5)));
  through.once("connect", () => {
    socket.off("readable", read);
    socket.write(reply(0));
    socket.pipe(through).pipe(socket);
  });
}

/** An answer, from an IPv4 address that says nothing. */
export function reply(code: number): Buffer {
  return Buffer.of(5, code, 0, 1, 0, 0, 0, 0, 0, 0);
}

async function hostOf(socket: Socket, type: number | undefined): Promise<string> {
  if (type === 1) return [...(await take(socket, 4))].join(".");
  if (type === 3) return (await take(socket, (await take(socket, 1))[0] ?? 0)).toString();
  const bytes = await take(socket, 16);
  return `[${Array.from({ length: 8 }, (_, n) => bytes.readUInt16BE(2 * n).toString(16)).join(":")}]`;
}

async function take(socket: Socket, size: number): Promise<Buffer> {
  for (;;) {
    const bytes = size === 0 ? Buffer.of() : (socket.read(size) as Buffer | null);
    if (bytes?.length === size) return bytes;
    if (socket.readableEnded || socket.destroyed) throw new Error("the client went away");
    await once(socket, "readable");
  }
}
