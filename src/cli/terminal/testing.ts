import type { Writable } from "node:stream";
import type { Output } from "./terminal.ts";

/** An output that is no terminal and can be read. */
export function outputInto(stream: Writable): Output {
  return { isTTY: false, fd: -1, columns: undefined, rows: undefined, write: (data) => stream.write(data), stream };
}
