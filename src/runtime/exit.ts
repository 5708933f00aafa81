import { existsSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import { startTime } from "../host/process.ts";

/** How a container's first process ended. */
export interface ExitStatus {
  /** Its own, or 128 and the signal's number; 255 when its monitor was killed and nobody saw it. */
  readonly code: number;
  readonly oomKilled: boolean;
}

/** Where a container's monitor leaves what it saw. */
export interface ExitPlace {
  readonly id: string;
  readonly exitDirectory: string;
  /** The container's bundle. */
  readonly bundle: string;
}

/** Milliseconds after which the monitor is looked at, should no notice come. */
const lookInterval = 250;
const unseen = 255;

/** How a container ended, if its monitor has written it down. */
export function readExit(place: ExitPlace): ExitStatus | undefined {
  try {
    const code = Number(readFileSync(join(place.exitDirectory, place.id), "utf8").trim());
    return { code, oomKilled: existsSync(join(place.bundle, "oom")) };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Wait until a container has ended. Never waits for a monitor that is gone. */
export async function waitExit(place: ExitPlace, { signal }: Operation = {}): Promise<ExitStatus> {
  const notice = new AbortController();
  using stack = new DisposableStack();
  stack.adopt(
    watch(place.exitDirectory, () => notice.abort()),
    (watcher) => watcher.close(),
  );
  for (;;) {
    const status = readExit(place) ?? (monitorIsAlive(place.bundle) ? undefined : (readExit(place) ?? lost));
    if (status !== undefined) return status;
    await pause(notice.signal, signal);
  }
}

const lost: ExitStatus = { code: unseen, oomKilled: false };

async function pause(notice: AbortSignal, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  try {
    const wake = signal === undefined ? notice : AbortSignal.any([notice, signal]);
    await sleep(notice.aborted ? lookInterval / 50 : lookInterval, undefined, notice.aborted ? {} : { signal: wake });
  } catch (error) {
    if (!(error instanceof Error && error.name === "AbortError")) throw error;
  }
  signal?.throwIfAborted();
}

function monitorIsAlive(bundle: string): boolean {
  try {
    return startTime(Number(readFileSync(join(bundle, "conmon.pid"), "utf8").trim())) !== undefined;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
