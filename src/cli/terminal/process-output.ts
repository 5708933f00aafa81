import { fstatSync, writeSync } from "node:fs";
import { codeOf } from "../../base/errors.ts";
import { linux } from "../../host/syscalls.ts";
import type { Output } from "./terminal.ts";

/** What a shell reports of a program that wrote to a pipe which nobody reads any more. */
const brokenPipe = 141;
/** The same of a program that wrote to a terminal which is gone, and would have been sent SIGHUP. */
const hungUp = 129;
/** What a pipe or a socket takes without a wait where poll(2) says that it has room, in bytes: PIPE_BUF. */
const takenAtOnce = 4096;

/** Standard output or error of this process. */
export interface ProcessOutput extends Output {
  /** Something is still to be written to a slow reader. */
  readonly isBehind: boolean;
}

/**
 * Standard output (1) or error (2) of this process. Node's stream for it is opened for a terminal, a slow reader and who asks for it:
 * that takes five milliseconds, an eighth of Node's own start.
 */
export function processOutput(fd: 1 | 2): ProcessOutput {
  const kind = fstatSync(fd);
  const isTTY = kind.isCharacterDevice() && linux.windowSize(fd) !== undefined;
  let opened: NodeJS.WriteStream | undefined;
  const stream = (): NodeJS.WriteStream =>
    (opened ??= (fd === 1 ? process.stdout : process.stderr).on("error", failed));
  const write = (data: string | Uint8Array): boolean => {
    if (isTTY || opened !== undefined) return stream().write(data);
    const rest = writeAtOnce(fd, typeof data === "string" ? Buffer.from(data) : data, kind.isFile());
    return rest.length === 0 || stream().write(rest);
  };
  return {
    fd,
    isTTY,
    write,
    get stream() {
      return stream();
    },
    get columns() {
      return isTTY ? stream().columns : undefined;
    },
    get rows() {
      return isTTY ? stream().rows : undefined;
    },
    get isBehind() {
      return opened !== undefined && opened.writableLength > 0;
    },
  };
}

/** Write as much as can be written without a wait. @returns the rest */
function writeAtOnce(fd: number, data: Uint8Array, isFile: boolean): Uint8Array {
  let rest = data;
  try {
    while (rest.length > 0 && (isFile || linux.hasRoom(fd)))
      rest = rest.subarray(writeSync(fd, rest, 0, isFile ? rest.length : Math.min(rest.length, takenAtOnce)));
  } catch (error) {
    // Another process that has the same pipe was quicker.
    if (codeOf(error) !== "EAGAIN") failed(error);
  }
  return rest;
}

function failed(error: unknown): never {
  if (codeOf(error) === "EPIPE") process.exit(brokenPipe);
  if (codeOf(error) === "EIO") process.exit(hungUp);
  throw error;
}
