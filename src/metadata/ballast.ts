import { randomBytes } from "node:crypto";
import { closeSync, constants, lstatSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import type { Problem } from "../base/problem.ts";
import { freeBytes } from "../host/free-bytes.ts";
import type { Host } from "../host/host.ts";
import { lock, tryLock } from "../host/lock.ts";

/** The file below the root that takes space only to give it up. */
export const ballastName = "ballast";

/** Its size, bytes: what SQLite's log and index, leases and directories take while records are deleted, and some more. */
export const ballastSize: number = 1 << 20;

/** It is given up when less than this many times its size is free, */
const tight = 2;
/** and counts as wrong when it is too small though this many times its size are free. */
const roomy = 4;

/** The ballast, as it was when it was looked at. Puts it back when disposed, as far as there is space. */
export interface Ballast extends Disposable {
  /** Nearly nothing was free. */
  readonly isTight: boolean;
}

/** Where a store is, and what locks it. */
type Place = Pick<Host, "root" | "runRoot" | "syscalls">;

/**
 * Make sure of some space for what has to work on a full disk: a transaction needs space for its log before it can free any.
 * Where nearly nothing is free, the ballast is given up to a caller that says so, and is put back when the last of them has ended.
 *
 * @param use `giveUp`: the caller deletes, or reads; what it doesn't free it doesn't keep
 */
export async function openBallast(place: Place, use: { readonly giveUp: boolean }): Promise<Ballast> {
  const { root, runRoot, syscalls } = place;
  for (const directory of [root, runRoot]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  const isTight = freeBytes(root) < tight * ballastSize;
  if (!isTight) restore(place);
  if (!isTight || !use.giveUp) return { isTight, [Symbol.dispose]: () => restore(place) };
  const held = await lock(syscalls, lockPath(place), { kind: "shared" });
  rmSync(join(root, ballastName), { force: true });
  return {
    isTight,
    [Symbol.dispose]: () => {
      held[Symbol.dispose]();
      restore(place);
    },
  };
}

/** Look whether the ballast has its size, where there is space for it. */
export function* checkBallast(place: Place): Generator<Problem> {
  const size = sizeOf(join(place.root, ballastName));
  if (size === ballastSize || freeBytes(place.root) < roomy * ballastSize) return;
  yield {
    invariant: "R3",
    what: `${ballastName}: ${size} bytes instead of ${ballastSize}`,
    leftover: true,
    advice: "The next command writes it.",
    mend: async () => {
      rmSync(join(place.root, ballastName), { force: true });
      restore(place);
      return sizeOf(join(place.root, ballastName)) === ballastSize;
    },
  };
}

/** Write what is missing of it, unless somebody needs the space now. */
function restore(place: Place): void {
  const path = join(place.root, ballastName);
  if (sizeOf(path) >= ballastSize) return;
  using free = tryLock(place.syscalls, lockPath(place));
  if (free !== undefined) write(path);
}

/** Bytes that no file system compresses, as many as there is space for. */
function write(path: string): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    const bytes = randomBytes(ballastSize);
    for (let done = sizeOf(path); done < ballastSize; ) done += writeSync(file, bytes, done, ballastSize - done, done);
  } catch (error) {
    // The next command that finds space writes the rest.
    if (!["ENOSPC", "EDQUOT"].includes(codeOf(error) ?? "")) throw error;
  } finally {
    closeSync(file);
  }
}

function sizeOf(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function lockPath({ runRoot }: Place): string {
  return join(runRoot, "ballast.lock");
}
