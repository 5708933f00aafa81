import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Operation } from "../base/operation.ts";

/** One line of a container's output, or a part of a long one, with its newline where it has one. */
export interface LogLine {
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly data: Uint8Array;
}

/** What {@link readLogs} takes beside the path. */
export interface LogOptions extends Pick<Operation, "signal"> {
  /** True as long as more may come: the log is followed while it says so. */
  readonly follow?: () => boolean;
}

const newline = 0x0a;
const chunkSize = 64 << 10;
const followInterval = 50;

/**
 * Read a container's log in conmon's `k8s-file` format: `TIME stdout|stderr F|P TEXT` per line, P for a line without its end.
 *
 * Memory: one chunk and one line.
 */
export async function* readLogs(path: string, options: LogOptions = {}): AsyncGenerator<LogLine> {
  await using file = await open(path, "r");
  const buffer = Buffer.alloc(chunkSize);
  let rest: Buffer = Buffer.alloc(0);
  for (;;) {
    options.signal?.throwIfAborted();
    const more = options.follow?.() ?? false;
    const { bytesRead } = await file.read(buffer, 0, chunkSize, null);
    if (bytesRead === 0) {
      if (!more) return;
      await sleep(followInterval);
      continue;
    }
    const bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      yield parseLogLine(bytes.subarray(start, end));
      start = end + 1;
    }
    rest = Buffer.from(bytes.subarray(start));
  }
}

/** @see https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md */
function parseLogLine(line: Buffer): LogLine {
  const timeEnd = line.indexOf(0x20);
  const streamEnd = line.indexOf(0x20, timeEnd + 1);
  const tagEnd = line.indexOf(0x20, streamEnd + 1);
  const full = line.toString("latin1", streamEnd + 1, tagEnd) === "F";
  const text = line.subarray(tagEnd + 1);
  return {
    time: line.toString("latin1", 0, timeEnd),
    stream: line.toString("latin1", timeEnd + 1, streamEnd) === "stderr" ? "stderr" : "stdout",
    data: full ? Buffer.concat([text, Buffer.of(newline)]) : Buffer.from(text),
  };
}
