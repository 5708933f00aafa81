import { closeSync, constants, openSync, read } from "node:fs";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import { codeOf } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";
import { passInput } from "./input.ts";
import { sizeTeller, type WindowSize } from "./window-size.ts";

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
  const over = new AbortController();
  let passed = Promise.resolve();
  const passAll = async (): Promise<void> => {
    try {
      await passOutput(fd, onOutput);
    } finally {
      over.abort();
      // A write that is under way still has the descriptor.
      await passed;
      closeSync(fd);
    }
  };
  const ended = passAll();
  // Who disposes the connection may not wait for its end.
  ended.catch(() => undefined);
  return {
    ended,
    resize: sizeTeller(syscalls, bundle, over.signal),
    passInput: (stdin) => {
      passed = passInput({ syscalls, bundle, socket: fd }, stdin, over.signal);
    },
    // Closing alone would leave the pool's thread reading, and this process waiting for it, until the container ends.
    [Symbol.dispose]: () => {
      if (!over.signal.aborted) syscalls.shutdown(fd);
      over.abort();
    },
  };
}

const readFrom = promisify(read);

/** Pass packets on until the other end has closed. */
async function passOutput(fd: number, onOutput: AttachIO["onOutput"]): Promise<void> {
  for (;;) {
    const packet = await nextPacket(fd);
    if (packet.length === 0) return;
    onOutput(packet[0] === stdoutPacket ? "stdout" : "stderr", packet.subarray(1));
  }
}

/** Empty at the end. A conmon that ends with input unread gives an error first, and after that what it had written. */
async function nextPacket(fd: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(packetSize);
  for (;;) {
    try {
      const { bytesRead } = await readFrom(fd, buffer, 0, packetSize, null);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      if (codeOf(error) !== "ECONNRESET") throw error;
    }
  }
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
