import { decompress } from "../archive/decompress.ts";
import { applyLayer } from "../archive/extract.ts";
import { blockSize, parseHeader } from "../archive/tar-header.ts";
import { BerthError, isKind } from "../base/errors.ts";
import { limits } from "../base/limits.ts";
import { type Operation, stoppedBy } from "../base/operation.ts";
import type { Host } from "../host/host.ts";
import type { Snapshotter } from "../snapshot/snapshotter.ts";

/** What {@link receiveContext} works with. */
export interface ReceiveDeps {
  readonly host: Pick<Host, "syscalls">;
  readonly snapshotter: Pick<Snapshotter, "scratch">;
}

/** A context that came as a stream. Disposing deletes it. */
export interface StreamContext extends AsyncDisposable {
  /** A directory with what the archive has; empty where the stream is a Dockerfile. */
  readonly path: string;
  /** The Dockerfile that the stream is. */
  readonly dockerfileText?: string;
}

/**
 * Receive a build context as `docker build -` does: a tar archive, compressed or not, or a Dockerfile alone.
 *
 * @throws {BerthError} invalid-argument, when the archive is damaged or the Dockerfile is too large
 */
export async function receiveContext(
  { host, snapshotter }: ReceiveDeps,
  stream: AsyncIterable<Uint8Array>,
  { signal }: Operation = {},
): Promise<StreamContext> {
  await using stack = new AsyncDisposableStack();
  const { path } = stack.use(await snapshotter.scratch());
  const plain = decompress(stream);
  const head = await headOf(plain);
  const options = {
    syscalls: host.syscalls,
    whiteouts: "literal",
    ...stoppedBy(signal),
  } as const;
  const isArchive = startsArchive(head);
  if (isArchive) await applyLayer(joined(head, plain), path, options);
  const text = isArchive ? {} : { dockerfileText: await textOf(joined(head, plain)) };
  const owned = stack.move();
  return { path, ...text, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** True when the first bytes of a stream, decompressed, are those of a tar archive. */
export function startsArchive(head: Buffer): boolean {
  try {
    return head.length >= blockSize && parseHeader(head, 0) !== undefined;
  } catch (error) {
    if (isKind(error, "invalid-argument")) return false;
    throw error;
  }
}

/** At least a block of a stream, less when it is shorter. */
export async function headOf(stream: AsyncIterator<Uint8Array>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < blockSize) {
    const { done, value } = await stream.next();
    if (done === true) break;
    head = Buffer.concat([head, value]);
  }
  return head;
}

async function* joined(head: Buffer, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* rest;
}

/** A Dockerfile that streams in. @throws {BerthError} invalid-argument, for one that is too large */
export async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > limits.dockerfile)
      throw new BerthError("invalid-argument", `the Dockerfile has more than ${limits.dockerfile} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
