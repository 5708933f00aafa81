import { parseInstant } from "../base/instant.ts";
import type { LogEntry, LogStream } from "./log-entries.ts";

/** A piece of a container's output: any number of lines. */
export interface LogOutput {
  readonly stream: LogStream;
  readonly data: Uint8Array;
}

/** Which entries are shown, and how. */
export interface LogView {
  /** Milliseconds since the epoch, as `parseInstant` has them: only what was written then or later. */
  readonly since?: number | undefined;
  /** The same: nothing that was written later. */
  readonly until?: number | undefined;
  /** Begin each entry with its time, UTC. */
  readonly timestamps?: boolean;
}

const blockSize = 256 << 10;
const zulu = Buffer.from("Z ");
const utcOffset = Buffer.from("+00:00");

/** Gathers entries to pieces of output that are worth a write each. */
export class OutputBlocks {
  /** An entry came that is later than `until`: there will be no more. */
  over = false;
  readonly #view: LogView;
  #ready: LogOutput[] = [];
  #stream: LogStream = "stdout";
  #block = Buffer.allocUnsafe(blockSize);
  #start = 0;
  #end = 0;

  constructor(view: LogView) {
    this.#view = view;
  }

  /** Take up an entry, unless it isn't wanted. */
  add(entry: LogEntry): void {
    if (this.over || !this.#isWanted(entry)) return;
    if (entry.stream !== this.#stream) this.#cut(entry.stream);
    if (this.#view.timestamps === true) this.#append(stamp(entry.bytes.subarray(entry.timeStart, entry.timeEnd)));
    this.#append(entry.bytes, entry.start, entry.end);
  }

  /** What has come up since this was asked last. */
  take(): readonly LogOutput[] {
    this.#cut(this.#stream);
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  #isWanted({ bytes, timeStart, timeEnd }: LogEntry): boolean {
    const { since, until } = this.#view;
    if (since === undefined && until === undefined) return true;
    const written = parseInstant(bytes.toString("latin1", timeStart, timeEnd));
    this.over = until !== undefined && written > until;
    return !this.over && (since === undefined || written >= since);
  }

  #append(bytes: Buffer, start = 0, end = bytes.length): void {
    if (this.#block.length - this.#end < end - start) {
      this.#cut(this.#stream);
      this.#block = Buffer.allocUnsafe(Math.max(blockSize, end - start));
      this.#start = 0;
      this.#end = 0;
    }
    this.#end += bytes.copy(this.#block, this.#end, start, end);
  }

  /** End the piece of output; what comes next is for `stream`. */
  #cut(stream: LogStream): void {
    if (this.#end > this.#start) {
      this.#ready.push({ stream: this.#stream, data: this.#block.subarray(this.#start, this.#end) });
    }
    this.#start = this.#end;
    this.#stream = stream;
  }
}

/** As Docker writes times: UTC, nine digits of a second. conmon writes those of the machine's zone. */
function stamp(time: Buffer): Buffer {
  const zone = time.length - utcOffset.length;
  if (time.subarray(zone).equals(utcOffset)) return Buffer.concat([time.subarray(0, zone), zulu]);
  const text = time.toString("latin1");
  const fraction = /\.\d+/.exec(text)?.[0] ?? "";
  return Buffer.from(`${new Date(text).toISOString().slice(0, "2026-01-01T00:00:00".length)}${fraction}Z `);
}
