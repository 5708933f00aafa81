import { closeSync, constants, fstatSync, openSync, readFileSync, write } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { codeOf } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";

/** Where input goes: conmon's socket, and the container that conmon passes it on to. */
export interface InputTarget {
  readonly syscalls: Syscalls;
  readonly bundle: string;
  /** Descriptor of the socket. */
  readonly socket: number;
}

/** Most bytes of one packet: what conmon reads at once. */
const packetSize = 8192;
/** Bytes that a pipe holds. */
const pipeSize = 65536;
const longestPause = 20;
const writeTo = promisify(write);

/**
 * Pass input on, packet by packet. conmon drops what the container's pipe has no room for, so each packet waits for room.
 * The end of input is an empty packet.
 *
 * @param over aborted when nobody takes input any more
 * @returns resolves when nothing more is written: after the end of input, or once it is over
 */
export async function passInput(target: InputTarget, stdin: Readable, over: AbortSignal): Promise<void> {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let last: Promise<void> = Promise.resolve();
  const stop = (): void => {
    stdin.pause();
    resolve(last);
  };
  if (over.aborted) return;
  over.addEventListener("abort", stop, { once: true });
  stdin.on("data", (chunk: Buffer) => {
    stdin.pause();
    last = last.then(() => passChunk(target, chunk, over)).then(() => void (over.aborted || stdin.resume()));
  });
  stdin.once("end", () => {
    last = last.then(() => passChunk(target, Buffer.alloc(0), over));
    resolve(last);
  });
  await done;
}

async function passChunk(target: InputTarget, chunk: Buffer, over: AbortSignal): Promise<void> {
  for (let at = 0; at === 0 || at < chunk.length; at += packetSize) {
    await room(target, over);
    if (over.aborted) return;
    try {
      await writeTo(target.socket, chunk.subarray(at, at + packetSize));
    } catch (error) {
      // The other end has closed just now.
      if (codeOf(error) !== "EPIPE" && codeOf(error) !== "ECONNRESET") throw error;
    }
  }
}

/** Wait until conmon has taken the packets before, and the container has read enough for one more. */
async function room({ syscalls, bundle, socket }: InputTarget, over: AbortSignal): Promise<void> {
  for (let pause = 0; !over.aborted; pause = Math.min(pause + 1, longestPause)) {
    if (syscalls.unsent(socket) === 0 && unreadInput(syscalls, bundle) <= pipeSize - packetSize) return;
    await sleep(pause);
  }
}

/** What lies in the container's standard input, where that is a pipe; 0 for a terminal, or when the container has ended. */
function unreadInput(syscalls: Syscalls, bundle: string): number {
  try {
    const pid = readFileSync(join(bundle, "pid"), "utf8").trim();
    const fd = openSync(`/proc/${pid}/fd/0`, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      return fstatSync(fd).isFIFO() ? syscalls.unread(fd) : 0;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof Error && "code" in error) return 0;
    throw error;
  }
}
