import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../base/errors.ts";
import type { Syscalls } from "../host/syscalls.ts";

/** Size of a terminal in characters. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** Milliseconds between two looks whether conmon has read a message. */
const readPause = 2;
/** Milliseconds that conmon has to pass on what it has read. */
const passPause = 30;

/**
 * Tells a container's terminal its size, again and again. Sizes that are given while an earlier one is on its way count as one,
 * the last. That is told twice: see {@link resize}.
 *
 * @param over aborted when nobody hears of sizes any more
 */
export function sizeTeller(syscalls: Syscalls, bundle: string, over: AbortSignal): (size: WindowSize) => Promise<void> {
  let wanted: WindowSize | undefined;
  let telling: Promise<void> | undefined;
  const tell = async (): Promise<void> => {
    for (let told: WindowSize | undefined; wanted !== undefined && !over.aborted; ) {
      const isLast = told === wanted;
      told = wanted;
      await resize(syscalls, bundle, told, over);
      await sleep(passPause);
      if (isLast && told === wanted) return;
    }
  };
  return (size) => {
    wanted = size;
    telling ??= tell().finally(() => {
      telling = undefined;
    });
    return telling;
  };
}

/**
 * Tell a container's terminal its size, through conmon's control pipe. A container that has ended is no error.
 * conmon hands sizes on to a pipe of its own, and where two lie in one pipe, it takes the first twice and loses the last: each
 * waits until the one before is out of both, or `signal` is aborted.
 */
export async function resize(
  syscalls: Syscalls,
  bundle: string,
  size: WindowSize,
  signal?: AbortSignal,
): Promise<void> {
  while (isUnread(syscalls, join(bundle, "ctl")) || isUnread(syscalls, join(bundle, "winsz"))) {
    if (signal?.aborted === true) return;
    await sleep(readPause);
  }
  onPipe(join(bundle, "ctl"), (fd) => writeSync(fd, `1 ${size.rows} ${size.columns}\n`));
}

function isUnread(syscalls: Syscalls, path: string): boolean {
  return onPipe(path, (fd) => syscalls.unread(fd) > 0) ?? false;
}

/** @returns undefined, when nobody reads the pipe any more */
function onPipe<T>(path: string, action: (fd: number) => T): T | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    return action(fd);
  } catch (error) {
    if (!["ENOENT", "ENXIO", "EPIPE"].includes(codeOf(error) ?? "")) throw error;
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
