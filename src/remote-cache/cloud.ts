import { BerthError } from "../base/errors.ts";
import { version } from "../base/version.ts";
import { readSettings } from "../host/settings.ts";
import type { BlobReader } from "../image/download.ts";
import type { Descriptor } from "../oci/image-index.ts";
import { startAttempts } from "../registry/attempts.ts";
import type { HttpResponse, RequestBody } from "../registry/connection.ts";
import { proxySettings } from "../registry/proxies.ts";
import { connectionFailure, mayPass } from "../registry/registry-error.ts";
import { openTransport } from "../registry/transport.ts";

/** A request to a service. */
export interface CloudRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** The bytes from the first on; asked for again when the request is made again. */
  readonly body?: () => RequestBody;
  readonly signal?: AbortSignal | undefined;
}

/** A service that is spoken to by HTTP, with the proxies of the settings. */
export interface Cloud extends Disposable {
  /** Send a request, again where it may go through then. @throws {BerthError} unavailable */
  send(request: CloudRequest): Promise<HttpResponse>;
}

/** Open what speaks to a service; nobody is contacted yet. */
export function openCloud(): Cloud {
  const { proxies, maxDownloadAttempts } = readSettings();
  const transport = openTransport({
    verifies: () => true,
    userAgent: `berth/${version}`,
    proxies: proxySettings(proxies, process.env),
    addressOf: () => undefined,
    env: process.env,
  });
  return {
    send: async ({ method, url, headers = {}, body, signal }) => {
      const attempts = startAttempts(maxDownloadAttempts);
      for (;;) {
        let failure: unknown;
        try {
          const response = await transport.send({ method, url, headers, body: body?.(), signal });
          if (response.status < 500 && response.status !== 429) return response;
          response.discard();
          failure = refused(response, method);
        } catch (error) {
          if (!mayPass(error)) throw error;
          failure = error;
        }
        await attempts.again(failure, { signal });
      }
    },
    [Symbol.dispose]: () => transport[Symbol.dispose](),
  };
}

/** The error for an answer that is none. A query may hold a signature, and is left out. */
export function refused({ url, status }: HttpResponse, method: string): BerthError {
  const kind = status === 401 || status === 403 ? "permission-denied" : "unavailable";
  return new BerthError(kind, `${method} ${url.origin}${url.pathname}: unexpected status ${status}`);
}

/** The whole of a small answer. @throws {BerthError} invalid-argument, when it has more than `most` bytes */
export async function smallBody({ body, url }: HttpResponse, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > most) throw new BerthError("invalid-argument", `${url.origin} sends more than ${most} bytes`);
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}

/** Asks for all of a blob from an offset on. */
export type GetBlob = (digest: string, offset: number, signal: AbortSignal | undefined) => Promise<HttpResponse>;

/** Reads blobs by ranges, and goes on where a connection was cut. */
export function rangeReader(get: GetBlob): BlobReader {
  return {
    async *blob(blob, { offset = 0, signal } = {}) {
      const attempts = startAttempts(readSettings().maxDownloadAttempts);
      for (let at = offset; at < blob.size; ) {
        try {
          for await (const chunk of rest(get, blob, { offset: at, signal })) {
            at += chunk.length;
            attempts.progressed();
            yield chunk;
          }
        } catch (error) {
          if (!mayPass(error)) throw error;
          await attempts.again(error, { signal });
        }
      }
    },
  };
}

/** All of a blob from an offset on, and no more. */
async function* rest(
  get: GetBlob,
  { digest, size }: Descriptor,
  { offset, signal }: { readonly offset: number; readonly signal: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const response = await get(digest, offset, signal);
  if (response.status !== (offset === 0 ? 200 : 206)) throw refused(response, "GET");
  let left = size - offset;
  for await (const chunk of response.body) {
    left -= chunk.length;
    if (left < 0) throw new BerthError("data-loss", `blob ${digest} has more than its ${size} bytes`);
    yield chunk;
  }
  if (left > 0) throw connectionFailure("unexpected EOF", { again: true });
}
