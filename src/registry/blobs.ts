import { BerthError } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/image-index.ts";
import { type Attempts, startAttempts } from "./attempts.ts";
import { behind } from "./bytes.ts";
import type { HttpResponse } from "./connection.ts";
import { readInRanges, type Spare } from "./ranges.ts";
import { connectionFailure, described, mayPass } from "./registry-error.ts";
import { isMissing, type Source, scopeOf } from "./source.ts";

/** Bytes after which a cut counts as the first one again: a server that sends one byte a connection isn't waited for. */
const realProgress = 1 << 20;

/** What a digest is of must come as it is: a proxy on the way might compress it. */
const asItIs = { "Accept-Encoding": "identity" };

/** Whether a registry has a blob. */
export async function blobExists(source: Source, digest: Digest, operation?: Operation): Promise<boolean> {
  const { status } = await head(source, digest, operation);
  return !isMissing(status);
}

/** The size of a blob, by a registry's word; undefined where it hasn't the blob. @see Repository.blobSize */
export async function sizeOfBlob(source: Source, digest: Digest, operation?: Operation): Promise<number | undefined> {
  const { status, headers } = await head(source, digest, operation);
  if (isMissing(status)) return undefined;
  const length = headers["content-length"] ?? "";
  if (/^\d{1,15}$/.test(length)) return Number(length);
  throw new BerthError("unavailable", `the registry doesn't say the size of ${digest}`);
}

async function head(
  { endpoint, path }: Source,
  digest: Digest,
  { signal }: Operation = {},
): Promise<Pick<HttpResponse, "status" | "headers">> {
  const response = await endpoint.send({
    method: "HEAD",
    target: `${path}/blobs/${digest}`,
    headers: asItIs,
    scopes: [scopeOf(path, "pull")],
    accepts: isMissing,
    signal,
  });
  response.discard();
  return response;
}

/** Which bytes of a blob are read. */
interface BlobRange {
  readonly blob: Descriptor;
  /** The first byte, and the one behind the last. */
  readonly offset: number;
  readonly end: number;
  /** @see BlobOptions */
  readonly fleeting: boolean;
  /** See {@link BlobOptions.partOnly}. */
  readonly partOnly: boolean;
  readonly maxAttempts: number;
  readonly signal: AbortSignal | undefined;
}

/** Attempts at a blob of a mirror: once more where it stopped in the middle, then the next one goes on. */
const mirrorAttempts = 2;

/** How {@link readBlobFrom} reads. */
export interface BlobReading extends BlobRange {
  readonly spare: Spare;
  /** Told which server gives some of it. */
  readonly onGiver: (source: Source) => void;
}

/**
 * The bytes of a part of a blob, from the first server that has them; where one fails on the way, the next goes on.
 *
 * @param servers the mirrors, and the registry itself as the last one, whose error counts
 * @see Repository.blob
 */
export async function* readBlobFrom(
  servers: readonly (() => Promise<Source>)[],
  { spare, onGiver, ...range }: BlobReading,
): AsyncGenerator<Uint8Array> {
  let { offset: at } = range;
  for (const [n, server] of servers.entries()) {
    const isLast = n === servers.length - 1;
    const maxAttempts = isLast ? range.maxAttempts : Math.min(range.maxAttempts, mirrorAttempts);
    try {
      const source = await server();
      const readers = {
        alone: (offset: number, onParts: (given: boolean) => void) =>
          readBlob(source, { ...range, offset, maxAttempts, onAnswer: (answer) => onParts(givesParts(answer)) }),
        range: (offset: number, end: number, stop: AbortSignal) => readOnce(source, { ...range, offset, end }, stop),
      };
      for await (const chunk of readInRanges(readers, { ...range, at }, spare)) {
        onGiver(source);
        at += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      if (isLast || !(error instanceof BerthError)) throw error;
    }
  }
}

/** A range, of a server that gives parts and at once. */
function readOnce(source: Source, range: BlobRange, stop: AbortSignal): AsyncIterable<Uint8Array> {
  const signal = range.signal === undefined ? stop : AbortSignal.any([range.signal, stop]);
  // They wait for their turn.
  return readBlob(source, { ...range, fleeting: false, signal, maxAttempts: 1, onAnswer: requirePart });
}

/** The bytes of a part of a blob, over as many connections one after the other as it takes. */
async function* readBlob(
  source: Source,
  range: BlobRange & { readonly onAnswer: (answer: HttpResponse) => void },
): AsyncGenerator<Uint8Array> {
  const { blob, end, fleeting, partOnly, signal, onAnswer } = range;
  const attempts = startAttempts(range.maxAttempts);
  let at = range.offset;
  while (at < end) {
    const response = await request(source, { blob, at, end, attempts, signal });
    onAnswer(response);
    if (partOnly && (at > 0 || end < blob.size)) requirePart(response);
    const begun = at;
    try {
      for await (const chunk of partOf(response, blob, { at, end, fleeting })) {
        at += chunk.length;
        if (at - begun >= realProgress) attempts.progressed();
        yield chunk;
      }
    } catch (error) {
      if (!mayPass(error)) throw error;
      await attempts.again(described(error, "GET", response.url), { signal });
    }
  }
}

/** The bytes of an answer that are part of a range of the blob. */
async function* partOf(
  response: HttpResponse,
  blob: Descriptor,
  range: { readonly at: number; readonly end: number; readonly fleeting: boolean },
): AsyncGenerator<Uint8Array> {
  const { end, fleeting } = range;
  let { at } = range;
  const body = fleeting ? response.fleeting() : response.body;
  for await (const chunk of behind(body, at - firstByte(response, at, blob))) {
    const rest = end - at;
    if (chunk.length > rest && end === blob.size) throw wrongSize(blob);
    at += Math.min(chunk.length, rest);
    yield chunk.subarray(0, rest);
    // The whole is what a server may give instead of a part.
    if (at === end && end < blob.size) return;
  }
  if (at < end) throw tooShort(response, blob);
}

/** Whether a server gives parts of a blob, as far as its answer tells. @see RFC 9110 section 14.3 */
function givesParts({ status, headers }: HttpResponse): boolean {
  return status === 206 || (headers["accept-ranges"] ?? "").toLowerCase().includes("bytes");
}

/** What is asked for of a blob. */
interface Asked {
  readonly blob: Descriptor;
  readonly at: number;
  readonly end: number;
  readonly attempts: Attempts;
  readonly signal: AbortSignal | undefined;
}

async function request({ endpoint, path }: Source, { blob, at, end, attempts, signal }: Asked): Promise<HttpResponse> {
  const last = end === blob.size ? "" : String(end - 1);
  const range = at === 0 && end === blob.size ? {} : { Range: `bytes=${at}-${last}` };
  const response = await endpoint.send({
    method: "GET",
    target: `${path}/blobs/${blob.digest}`,
    headers: { ...asItIs, ...range },
    scopes: [scopeOf(path, "pull")],
    accepts: isMissing,
    attempts,
    signal,
  });
  if (!isMissing(response.status)) return response;
  response.discard();
  throw new BerthError("not-found", "unknown blob", { hint: `The registry has no ${blob.digest}.` });
}

/** Where the body of an answer begins in the blob. @throws {BerthError} data-loss, when it is of another size or begins too late */
function firstByte({ status, headers, discard }: HttpResponse, at: number, blob: Descriptor): number {
  const length = headers["content-length"];
  if (status !== 206) {
    if (length === undefined || Number(length) === blob.size) return 0;
    discard();
    throw wrongSize(blob);
  }
  const [, first, last, size] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(headers["content-range"] ?? "") ?? [];
  const fits = size === "*" || Number(size) === blob.size;
  if (first === undefined || last === undefined || Number(first) > at || !fits) {
    discard();
    throw new BerthError("data-loss", `the registry sent another part of ${blob.digest} than it was asked for`);
  }
  return Number(first);
}

/** @throws {BerthError} unavailable, where a server answers with all of a blob */
function requirePart({ status, discard }: HttpResponse): void {
  if (status === 206) return;
  discard();
  throw new BerthError("unavailable", "the registry gives no parts of blobs");
}

/** A part is what a server may give instead of all that is left; a whole that is too short is another blob. */
function tooShort({ status }: HttpResponse, blob: Descriptor): BerthError {
  return status === 206 ? connectionFailure("unexpected EOF", { again: true }) : wrongSize(blob);
}

function wrongSize({ digest, size }: Descriptor): BerthError {
  return new BerthError(
    "data-loss",
    `the registry sent another size of ${digest} than the ${size} bytes that its manifest says`,
    {
      hint: "The registry is damaged, or somebody on the way to it changed what it sent.",
    },
  );
}
