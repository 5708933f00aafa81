import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { LogEntries, type LogStream } from "./log-entries.ts";
import { type LogOutput, type LogView, OutputBlocks } from "./log-output.ts";

/** What {@link readLogs} takes beside the path. */
export interface LogOptions extends LogView, Pick<Operation, "signal"> {
  /** Begin with the last so many entries, counted before `since` and `until` choose among them. */
  readonly tail?: number | undefined;
  /** True as long as more may come: the log is followed while it says so. */
  readonly follow?: () => boolean;
}

const newline = 0x0a;
const chunkSize = 256 << 10;
const followInterval = 50;

/**
 * Read a container's log, in conmon's `k8s-file` format. A line of which some was read before the rest is shown where and when it
 * was complete; lines of more than 16 KiB count as several entries, as in Docker.
 *
 * Memory: a few chunks. One that has never run has no log, which is no error.
 */
export async function* readLogs(path: string, options: LogOptions = {}): AsyncGenerator<LogOutput> {
  await using file = await openWhenThere(path);
  if (file === undefined) return;
  let { start, skip } = options.tail === undefined ? wholeLog : await lastEntries(file, options.tail, options.follow);
  const blocks = new OutputBlocks(options);
  const entries = new LogEntries((entry) => {
    if (skip > 0) skip--;
    else blocks.add(entry);
  });
  const chunks = new Chunks(file, start);
  while (!blocks.over) {
    options.signal?.throwIfAborted();
    // Asked before the read: what comes after its end is then there.
    const more = options.follow?.() ?? false;
    const chunk = await chunks.next();
    if (chunk !== undefined) chunks.used(entries.read(chunk));
    else if (more) await sleep(followInterval);
    else break;
    yield* blocks.take();
  }
  entries.finish();
  yield* blocks.take();
}

const wholeLog = { start: 0, skip: 0 };

async function openWhenThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Reads a file in chunks; what was not used of one is the beginning of the next. */
class Chunks {
  readonly #file: FileHandle;
  #position: number;
  #buffer = Buffer.allocUnsafe(chunkSize);
  #filled = 0;

  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** What was left, and more; undefined where there is no more. */
  async next(limit = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
    if (this.#filled === this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(chunkSize)]);
    const length = Math.min(this.#buffer.length - this.#filled, limit - this.#position);
    const { bytesRead } = await this.#file.read(this.#buffer, this.#filled, length, this.#position);
    if (bytesRead === 0) return undefined;
    this.#position += bytesRead;
    this.#filled += bytesRead;
    return this.#buffer.subarray(0, this.#filled);
  }

  /** So many bytes of what {@link Chunks.next} gave are done with. */
  used(count: number): void {
    this.#buffer.copyWithin(0, count, this.#filled);
    this.#filled -= count;
  }
}

interface Place {
  /** Where reading begins, bytes. */
  readonly start: number;
  /** How many entries from there on are none of the last ones. */
  readonly skip: number;
}

/** Find the last `count` entries from the end of the log, of which no more is read than it takes. */
async function lastEntries(file: FileHandle, count: number, follow: LogOptions["follow"]): Promise<Place> {
  // A line that goes on is no entry yet.
  const ended = !(follow?.() ?? false);
  const { size } = await file.stat();
  for (let span = chunkSize; ; span *= 4) {
    const start = span >= size ? 0 : await nextRecord(file, size - span);
    const found = await countEntries(file, { start, end: size, ended });
    if (start === 0 || found.entries - found.unsure >= count)
      return { start, skip: Math.max(0, found.entries - count) };
  }
}

/** Where the first record begins that has its beginning after `position`; 0 where none is found in the next chunk. */
async function nextRecord(file: FileHandle, position: number): Promise<number> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(chunkSize), 0, chunkSize, position);
  const at = buffer.subarray(0, bytesRead).indexOf(newline);
  return at < 0 ? 0 : position + at + 1;
}

/** How many entries there are, and how many of those come up to the last one that may have begun before `start`. */
async function countEntries(
  file: FileHandle,
  { start, end, ended }: { readonly start: number; readonly end: number; readonly ended: boolean },
): Promise<{ readonly entries: number; readonly unsure: number }> {
  const seen = new Set<LogStream>();
  let entries = 0;
  let unsure = 0;
  const reader = new LogEntries(({ stream, bytes, end: textEnd }) => {
    entries++;
    if (start === 0 || seen.has(stream)) return;
    unsure = entries;
    if (bytes[textEnd - 1] === newline) seen.add(stream);
  });
  const chunks = new Chunks(file, start);
  for (let chunk = await chunks.next(end); chunk !== undefined; chunk = await chunks.next(end)) {
    chunks.used(reader.read(chunk));
  }
  if (ended) reader.finish();
  return { entries, unsure };
}
