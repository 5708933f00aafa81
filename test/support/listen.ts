import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Certificate } from "./certificates.ts";

/** An HTTP server in this process, on a free port of loopback. Disposing cuts its connections, and throws what its handler threw. */
export interface Listening extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly url: string;
}

/** What answers a request; it may go on for as long as it likes. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Start a server, with TLS where it has a certificate. */
export async function listen(handler: Handler, { tls }: { readonly tls?: Certificate } = {}): Promise<Listening> {
  const thrown: unknown[] = [];
  const onRequest: RequestListener = (request, response) => {
    void (async () => handler(request, response))().catch((error: unknown) => {
      // A client that went away is no failure of the handler.
      if (!response.destroyed) thrown.push(error);
      response.destroy();
    });
  };
  const server: Server =
    tls === undefined
      ? createServer(onRequest)
      : createTlsServer({ key: readFileSync(tls.key), cert: readFileSync(tls.certificate) }, onRequest);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A server that listens on a port has an address of this form.
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `${tls === undefined ? "http" : "https"}://${host}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      if (thrown.length > 0) throw new AggregateError(thrown, `the server's handler failed: ${thrown[0]}`);
    },
  };
}
