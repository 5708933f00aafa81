import type { TarHeader } from "./tar-header.ts";
import { TarParser } from "./tar-reader.ts";

/** One entry and its content. The content that the reader leaves is skipped. */
export interface TarEntry {
  readonly header: TarHeader;
  /** The file's bytes, holes as zeros. To be read before the next entry is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

type Event = { readonly header: TarHeader } | { readonly chunk: Buffer; readonly offset: number } | "end";

/** Bytes behind an archive's end that are read, for whoever writes them to a pipe: tar(1) fills up the last block of its tape. */
const mostTrailing = 1 << 20;

/** Largest run of zeros that a hole is turned into at once, bytes. */
const zeros = Buffer.alloc(1 << 16);

/**
 * The entries of an archive one after the other, for whoever wants to await between them.
 *
 * @throws {BerthError} invalid-argument, when it is no tar archive or is cut off
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const events = eventsOf(source);
  try {
    for (;;) {
      const { value: event, done } = await events.next();
      if (done === true) return;
      if (event === "end" || !("header" in event)) continue;
      yield { header: event.header, body: bodyOf(events, event.header.size) };
    }
  } finally {
    // Whoever stops early is done with the source, too.
    await events.return(undefined);
  }
}

async function* eventsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Event> {
  const queue: Event[] = [];
  const parser = new TarParser({
    entry: (header) => queue.push({ header }),
    data: (chunk, offset) => queue.push({ chunk, offset }),
    end: () => queue.push("end"),
  });
  let trailing = 0;
  for await (const chunk of source) {
    if (parser.isEnded) trailing += chunk.length;
    if (trailing > mostTrailing) break;
    parser.write(chunk);
    yield* queue.splice(0);
  }
  parser.end();
}

async function* bodyOf(events: AsyncGenerator<Event>, size: number): AsyncGenerator<Buffer> {
  let at = 0;
  for (;;) {
    const { value: event, done } = await events.next();
    if (done === true || event === "end") break;
    if (!("chunk" in event)) throw new Error("the content of an entry was read after the next entry");
    yield* hole(event.offset - at);
    yield event.chunk;
    at = event.offset + event.chunk.length;
  }
  yield* hole(size - at);
}

function* hole(length: number): Generator<Buffer> {
  for (let left = length; left > 0; left -= zeros.length) yield zeros.subarray(0, left);
}
