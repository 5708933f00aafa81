import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Digest } from "../oci/digest.ts";
import { type Attempts, startAttempts } from "./attempts.ts";
import { blobExists } from "./blobs.ts";
import { behind, one, piecesOf } from "./bytes.ts";
import type { HttpResponse, RequestBody } from "./connection.ts";
import { mayPass, RegistryError } from "./registry-error.ts";
import type { Upload, UploadBody } from "./repository.ts";
import { isMissing, type Source, scopeOf } from "./source.ts";

/** Bytes of a blob that goes with the request that ends its upload: configs, mostly. */
const small = 1 << 20;
/** Bytes of a request to a registry that doesn't take all at once. */
const chunkSize = 8 << 20;
/** Where that is too much as well, pieces get smaller, by this much each time: nginx lets 1 MiB through unless it is told otherwise. */
const shrinkBy = 8;
/** The least that pieces come to. */
const smallestChunk = 128 << 10;
/** The most that a registry gets at once where it wants more: it is held in memory. */
const largestChunk = 64 << 20;
/** Statuses that an upload goes on after. */
const lost = 404;
const tooLarge = 413;
const wrongRange = 416;

/** @see Repository.upload */
export async function uploadBlob(
  source: Source,
  blob: Upload,
  options: Operation & { readonly maxAttempts: number },
): Promise<"exists" | "mounted" | "pushed"> {
  const { digest, size, mountFrom } = blob;
  if (digest !== undefined && mountFrom === undefined && (await blobExists(source, digest, options))) return "exists";
  const begun = await begin(source, { mount: digest, from: mountFrom, signal: options.signal });
  if (begun === "mounted") return "mounted";
  const upload: Session = {
    source,
    blob,
    attempts: startAttempts(options.maxAttempts),
    signal: options.signal,
    ...begun,
    isCut: false,
  };
  try {
    if (digest !== undefined && size !== undefined && size <= small) {
      await finish(upload, digest, () => ({ bytes: blob.body().bytes, length: size }));
    } else await finish(upload, checked(blob, await sendStream(upload)));
  } catch (error) {
    await abandon(upload);
    throw error;
  }
  return "pushed";
}

/** An upload that a registry has begun. */
interface Session {
  readonly source: Source;
  readonly blob: Upload;
  readonly attempts: Attempts;
  readonly signal: AbortSignal | undefined;
  /** Where the next part goes; each answer may say another place. */
  at: URL;
  /** Bytes of each piece but the last, where it goes in pieces. */
  chunk: number;
  /** The fewest that the registry takes in a piece. */
  least: number;
  /** It goes in pieces: all at once was too much for the registry. */
  isCut: boolean;
}

/** Where an upload goes, and in what pieces if need be. */
type Begun = Pick<Session, "at" | "chunk" | "least">;

/** Ask for a place to upload to, and for a mount where there may be one. A registry that doesn't mount gives a place instead. */
async function begin(
  { endpoint, path }: Source,
  { mount, from, signal }: { mount: Digest | undefined; from: string | undefined; signal: AbortSignal | undefined },
): Promise<Begun | "mounted"> {
  const asked = mount !== undefined && from !== undefined;
  const query = asked ? `?mount=${mount}&from=${encodeURIComponent(from)}` : "";
  const scopes = [scopeOf(path, "pull,push"), ...(asked ? [scopeOf(from, "pull")] : [])];
  const response = await endpoint.send({ method: "POST", target: `${path}/blobs/uploads/${query}`, scopes, signal });
  response.discard();
  if (asked && response.status === 201) return "mounted";
  const least = leastIn(response);
  return { at: placeIn(response), chunk: Math.min(Math.max(chunkSize, least), largestChunk), least };
}

/** @see distribution-spec v1.1 spec.md#pushing-a-blob-in-chunks */
function leastIn({ headers }: HttpResponse): number {
  return Number(/^\d{1,15}$/.exec(String(headers["oci-chunk-min-length"] ?? ""))?.[0] ?? 0);
}

/** Where an upload goes on. @throws {BerthError} unavailable, when the registry doesn't say, or names no place of HTTP */
function placeIn({ headers, url }: HttpResponse, fallback?: URL): URL {
  const { location } = headers;
  if (location !== undefined && URL.canParse(location, url)) {
    const place = new URL(location, url);
    if (/^https?:$/.test(place.protocol)) return place;
    throw new BerthError("unavailable", `unsupported protocol scheme "${place.protocol.slice(0, -1)}"`);
  }
  if (fallback !== undefined) return fallback;
  throw new BerthError("unavailable", "the registry gave no place to upload to");
}

/** @throws {BerthError} data-loss, when what was read has another digest than it should */
function checked({ digest }: Upload, sent: Digest): Digest {
  if (digest === undefined || digest === sent) return sent;
  throw new BerthError("data-loss", `the bytes of ${digest} have the digest ${sent}`);
}

/** Send the bytes as they come. After a cut, go on behind what the registry has. @returns their digest */
async function sendStream(upload: Session): Promise<Digest> {
  let offset = 0;
  for (;;) {
    try {
      return upload.isCut ? await sendChunks(upload, offset) : await sendRest(upload, offset);
    } catch (error) {
      if (!goesOn(upload, error)) throw error;
      await upload.attempts.again(error, { after: error.facts.after, signal: upload.signal });
      offset = await goOn(upload);
    }
  }
}

/** Whether an upload goes on after a failure: in smaller pieces, where it was too much at once. */
function goesOn(upload: Session, error: unknown): error is RegistryError {
  if (!(error instanceof RegistryError)) return false;
  const { status } = error.facts;
  const oversize = status === tooLarge && cutSmaller(upload);
  return oversize || mayPass(error) || status === lost || status === wrongRange;
}

/** @returns false where it goes in the smallest pieces already */
function cutSmaller(upload: Session): boolean {
  if (upload.isCut) {
    if (upload.chunk / shrinkBy < Math.max(smallestChunk, upload.least)) return false;
    upload.chunk /= shrinkBy;
  }
  upload.isCut = true;
  return true;
}

/** All that is left in one request. */
async function sendRest(upload: Session, offset: number): Promise<Digest> {
  const { blob } = upload;
  const { size } = blob;
  let sending = blob.body();
  if (size !== undefined && offset >= size) return blob.digest ?? (await digestOfAll(sending));
  const range = offset > 0 && size !== undefined ? { "Content-Range": `${offset}-${size - 1}` } : {};
  let asked = 0;
  const body = (): RequestBody => {
    // A token may turn out to be too old when some of it is sent.
    if (asked++ > 0) sending = blob.body();
    return { bytes: behind(sending.bytes, offset), ...(size === undefined ? {} : { length: size - offset }) };
  };
  await patch(upload, { headers: range, body });
  return sending.digest();
}

/** Piece by piece, each held in memory until the registry has it: for one that takes no more in a request. */
async function sendChunks(upload: Session, offset: number): Promise<Digest> {
  const sending = upload.blob.body();
  let at = offset;
  for await (const chunk of piecesOf(behind(sending.bytes, offset), upload.chunk)) {
    const headers = { "Content-Range": `${at}-${at + chunk.length - 1}` };
    await patch(upload, { headers, body: () => ({ bytes: one(chunk), length: chunk.length }) });
    at += chunk.length;
    upload.attempts.progressed();
  }
  return sending.digest();
}

async function patch(
  upload: Session,
  { headers, body }: { readonly headers: Readonly<Record<string, string>>; readonly body: () => RequestBody },
): Promise<void> {
  const { source, signal } = upload;
  const response = await source.endpoint.send({
    method: "PATCH",
    target: upload.at,
    headers: { "Content-Type": "application/octet-stream", ...headers },
    body,
    scopes: [scopeOf(source.path, "pull,push")],
    // What the registry has of it decides how it goes on.
    attempts: startAttempts(1),
    signal,
  });
  response.discard();
  upload.at = placeIn(response, upload.at);
}

async function digestOfAll({ bytes, digest }: UploadBody): Promise<Digest> {
  for await (const _ of bytes);
  return digest();
}

/** How many bytes a registry has of an upload; a new one is begun where it has lost it. */
async function goOn(upload: Session): Promise<number> {
  const { source, signal } = upload;
  const scopes = [scopeOf(source.path, "pull,push")];
  const response = await source.endpoint.send({ method: "GET", target: upload.at, scopes, accepts: isMissing, signal });
  response.discard();
  if (response.status === 404) {
    const begun = await begin(source, { mount: undefined, from: undefined, signal });
    if (begun === "mounted") throw new Error("a mount that nobody asked for");
    Object.assign(upload, { ...begun, chunk: Math.max(Math.min(upload.chunk, begun.chunk), begun.least) });
    return 0;
  }
  upload.at = placeIn(response, upload.at);
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.headers["range"] ?? "")?.[1];
  // `0-0` is what registries say of nothing at all, too.
  const has = last === undefined || last === "0" ? 0 : Number(last) + 1;
  if (has > (upload.blob.size ?? has))
    throw new BerthError("data-loss", "the registry has more of the upload than was sent");
  return has;
}

/** End an upload by its digest. */
async function finish(
  upload: Session,
  digest: Digest,
  body?: () => { bytes: AsyncIterable<Uint8Array>; length?: number },
): Promise<void> {
  const { source, signal } = upload;
  const target = new URL(upload.at);
  target.searchParams.set("digest", digest);
  const response = await source.endpoint.send({
    method: "PUT",
    target,
    headers: { "Content-Type": "application/octet-stream" },
    body,
    scopes: [scopeOf(source.path, "pull,push")],
    signal,
  });
  response.discard();
}

/** Milliseconds that giving up an upload may take. */
const farewell = 2000;

/** Tell the registry that nothing more comes. It finds out by itself, too. */
async function abandon({ source, at }: Session): Promise<void> {
  try {
    const scopes = [scopeOf(source.path, "pull,push")];
    const signal = AbortSignal.timeout(farewell);
    const response = await source.endpoint.send({
      method: "DELETE",
      target: at,
      scopes,
      attempts: startAttempts(1),
      signal,
    });
    response.discard();
  } catch (error) {
    if (!(error instanceof BerthError || (error as Error).name === "TimeoutError")) throw error;
  }
}
