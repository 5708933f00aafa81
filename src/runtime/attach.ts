import { once } from "node:events";
import { closeSync, constants, createReadStream, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { passInput } from "./input.ts";

/** Size of a terminal in characters. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** What is done with a container's streams. */
export interface AttachIO {
  readonly onOutput: (stream: "stdout" | "stderr", data: Uint8Array) => void;
  /** Passed on as it comes; its end closes the container's standard input. */
  readonly stdin?: Readable;
  /** The user's terminal's: what a terminal of a process that is just being started begins with. */
  readonly windowSize?: WindowSize;
}

/** A connection to a container's streams. Disposing it leaves the container as it is. */
export interface Attachment extends Disposable {
  /** Resolves when the container has ended and all its output has been passed on, or the attachment was disposed. */
  readonly ended: Promise<void>;
  /** Tell the container's terminal its size. A container that has ended is no error. */
  resize(size: WindowSize): Promise<void>;
}

/** An attachment that has no input yet. */
export interface Connection extends Attachment {
  /** Pass input on from now on: conmon drops what comes before the process has a terminal. */
  passInput(stdin: Readable): void;
}

/** Most bytes of one packet: conmon's buffer of 8 KiB and a byte that names the stream. */
const packetSize = 8193;
const stdoutPacket = 2;

/** Connect to the streams of a container that is made. */
export function attach(syscalls: Syscalls, bundle: string, { onOutput, stdin }: AttachIO): Attachment {
  const connection = connect(syscalls, bundle, onOutput);
  if (stdin !== undefined) connection.passInput(stdin);
  return connection;
}

/** Connect to conmon's socket, a SOCK_SEQPACKET one: the first byte of a packet names the stream. */
export function connect(syscalls: Syscalls, bundle: string, onOutput: AttachIO["onOutput"]): Connection {
  const fd = connectBelow(syscalls, bundle);
  const packets = createReadStream("", { fd, highWaterMark: packetSize, autoClose: false });
  const over = new AbortController();
  let passed = Promise.resolve();
  let resized = Promise.resolve();
  packets.on("data", (packet) => {
    if (typeof packet === "string" || packet.length === 0) return;
    onOutput(packet[0] === stdoutPacket ? "stdout" : "stderr", packet.subarray(1));
  });
  const ended = once(packets, "end").then(
    () => undefined,
    (error: unknown) => {
      if (codeOf(error) !== "ECONNRESET") throw error;
    },
  );
  const close = async (): Promise<void> => {
    over.abort();
    // A write that is under way still has the descriptor.
    await passed;
    closeSync(fd);
  };
  packets.once("end", close);
  packets.once("error", close);
  // Closing alone would leave the pool's thread reading, and this process waiting for it, until the container ends.
  const detach = (): void => {
    if (!over.signal.aborted) syscalls.shutdown(fd);
  };
  return {
    ended,
    resize: (size) => {
      resized = resized.then(() => resize(syscalls, bundle, size));
      return resized;
    },
    passInput: (stdin) => {
      passed = passInput({ syscalls, bundle, socket: fd }, stdin, over.signal);
    },
    [Symbol.dispose]: detach,
  };
}

/** By way of the directory's descriptor, as a socket's path has at most 107 bytes. */
function connectBelow(syscalls: Syscalls, bundle: string): number {
  const directory = openSync(bundle, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return syscalls.connectSeqpacket(`/proc/self/fd/${directory}/attach`);
  } finally {
    closeSync(directory);
  }
}

/**
 * Tell the container's terminal its size, through conmon's control pipe. A container that has ended is no error.
 * Where two messages lie in the pipe, conmon takes the first one twice: each waits for the one before to be read.
 */
export async function resize(syscalls: Syscalls, bundle: string, size: WindowSize): Promise<void> {
  while (!tryResize(syscalls, bundle, size)) await sleep(resizePause);
}

/** Milliseconds. */
const resizePause = 2;

/** False while an earlier message is unread. */
function tryResize(syscalls: Syscalls, bundle: string, size: WindowSize): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(join(bundle, "ctl"), constants.O_WRONLY | constants.O_NONBLOCK);
    if (syscalls.unread(fd) > 0) return false;
    writeSync(fd, `1 ${size.rows} ${size.columns}\n`);
  } catch (error) {
    if (!["ENOENT", "ENXIO", "EPIPE"].includes(codeOf(error) ?? "")) throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  return true;
}
