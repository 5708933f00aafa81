import { existsSync, type FSWatcher, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";

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
  let wake = (): void => undefined;
  const notify = (): void => wake();
  using stack = new DisposableStack();
  stack.adopt(watchIfPossible(place.exitDirectory, notify), (it) => it?.close());
  stack.adopt(setInterval(notify, lookInterval), clearInterval);
  signal?.addEventListener("abort", notify);
  stack.defer(() => signal?.removeEventListener("abort", notify));
  for (;;) {
    signal?.throwIfAborted();
    // Armed before looking, so that no notice is missed.
    const noticed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    // Looked at again once the monitor is gone: it may have written just before its end.
    const status = readExit(place) ?? (monitorIsAlive(place) ? undefined : (readExit(place) ?? lost));
    if (status !== undefined) return status;
    await noticed;
  }
}

/** Undefined where the kernel watches nothing more for this user, which it does 128 times: then the looks tell. */
function watchIfPossible(directory: string, notify: () => void): FSWatcher | undefined {
  try {
    return watch(directory, notify);
  } catch (error) {
    if (codeOf(error) === "EMFILE" || codeOf(error) === "ENOSPC") return undefined;
    throw error;
  }
}

const lost: ExitStatus = { code: unseen, oomKilled: false };

/** By its arguments, which name the container, as another process may have its number by now. */
function monitorIsAlive({ bundle, id }: ExitPlace): boolean {
  try {
    const pid = readFileSync(join(bundle, "conmon.pid"), "utf8").trim();
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(id);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return false;
    throw error;
  }
}
