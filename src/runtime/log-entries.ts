/** Where output comes from. */
export type LogStream = "stdout" | "stderr";

/** An entry of a log as Docker has them: a line, or a piece of a long one. Its bytes hold until the next one comes. */
export interface LogEntry {
  readonly stream: LogStream;
  /** What all of it lies in. */
  readonly bytes: Buffer;
  /** What was written, with the line feed where it has one. */
  readonly start: number;
  readonly end: number;
  /** When it was complete, as conmon wrote it: RFC 3339 with nanoseconds. A line's pieces all have the first one's. */
  readonly timeStart: number;
  readonly timeEnd: number;
}

/** Docker cuts longer lines into pieces of this size. */
const pieceSize = 16 << 10;
const newline = 0x0a;
const space = 0x20;
const lastPart = 0x46;
const stderrLetter = "stdout ".length;

/**
 * Puts the records of conmon's `k8s-file` format, `TIME stdout|stderr F|P TEXT`, together to entries: P is for a part of a line,
 * which conmon has read before the rest.
 *
 * @see https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
 */
export class LogEntries {
  readonly #take: (entry: LogEntry) => void;
  readonly #begun = { stdout: new BegunLine("stdout"), stderr: new BegunLine("stderr") };

  /** @param take is given one entry after the other */
  constructor(take: (entry: LogEntry) => void) {
    this.#take = take;
  }

  /** Read records. @returns how many bytes those take that are complete */
  read(bytes: Buffer): number {
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      this.#record(bytes, start, end);
      start = end + 1;
    }
    return start;
  }

  /** There is no more: what lines have begun with is all of them. */
  finish(): void {
    for (const begun of [this.#begun.stdout, this.#begun.stderr]) begun.flush(this.#take);
  }

  /** One record; `end` is where its line feed lies. One that a loss of power has cut or emptied tells nothing. */
  #record(bytes: Buffer, start: number, end: number): void {
    const timeEnd = find(bytes, space, { start, end });
    const tag = timeEnd + 1 + stderrLetter;
    const text = tag + 2;
    if (text > end || bytes[tag + 1] !== space) return;
    const full = bytes[tag] === lastPart;
    const begun = isStderr(bytes, timeEnd + 1) ? this.#begun.stderr : this.#begun.stdout;
    if (full && begun.isEmpty) {
      this.#take({ stream: begun.stream, bytes, start: text, end: end + 1, timeStart: start, timeEnd });
    } else {
      const part = { time: bytes.subarray(start, timeEnd), text: bytes.subarray(text, full ? end + 1 : end), full };
      begun.add(part, this.#take);
    }
  }
}

/** What a stream's line has begun with. */
class BegunLine {
  readonly stream: LogStream;
  #size = 0;
  #parts: Buffer[] = [];
  #time = Buffer.alloc(0);
  /** Pieces of this line were taken already: it keeps their time. */
  #cut = false;

  constructor(stream: LogStream) {
    this.stream = stream;
  }

  get isEmpty(): boolean {
    return this.#size === 0 && !this.#cut;
  }

  add(
    { time, text, full }: { readonly time: Buffer; readonly text: Buffer; readonly full: boolean },
    take: (entry: LogEntry) => void,
  ): void {
    if (!this.#cut) this.#time = Buffer.from(time);
    this.#parts.push(Buffer.from(text));
    this.#size += text.length;
    // A whole line that fits is one piece.
    while (this.#size > pieceSize || (this.#size === pieceSize && !full)) this.#takePiece(take);
    if (full) this.flush(take);
  }

  flush(take: (entry: LogEntry) => void): void {
    if (this.#size > 0) this.#give(Buffer.concat(this.#parts), take);
    this.#parts = [];
    this.#size = 0;
    this.#cut = false;
  }

  #takePiece(take: (entry: LogEntry) => void): void {
    const bytes = Buffer.concat(this.#parts);
    this.#give(bytes.subarray(0, pieceSize), take);
    this.#parts = [bytes.subarray(pieceSize)];
    this.#size -= pieceSize;
    this.#cut = true;
  }

  #give(text: Buffer, take: (entry: LogEntry) => void): void {
    const bytes = Buffer.concat([this.#time, text]);
    const timeEnd = this.#time.length;
    take({ stream: this.stream, bytes, start: timeEnd, end: bytes.length, timeStart: 0, timeEnd });
  }
}

/** `stderr` and `stdout` differ in their fourth letter. */
function isStderr(bytes: Buffer, at: number): boolean {
  return bytes[at + 3] === 0x65;
}

/** In a header of 45 bytes a loop is faster than a call of `indexOf`. @returns `end` where there is none */
function find(bytes: Buffer, byte: number, { start, end }: { readonly start: number; readonly end: number }): number {
  let at = start;
  while (at < end && bytes[at] !== byte) at++;
  return at;
}
