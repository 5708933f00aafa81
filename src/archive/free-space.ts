import { statfsSync } from "node:fs";
import { BerthError } from "../base/errors.ts";
import { humanSize } from "../base/human-size.ts";
import { limits } from "../base/limits.ts";
import { freeBytes } from "../host/free-bytes.ts";
import { type ByteString, pathOf, textOf } from "./byte-string.ts";

/** Files that may be announced before the file system is asked again. */
const filesAtOnce = 1000;

/**
 * Refuses what an archive announces when the disk can't hold it, before it is written: bytes and files. A sparse file counts
 * in full: in a layer's archive it takes all of its size.
 */
export class FreeSpace {
  readonly #directory: ByteString;
  readonly #limits: FileLimits;
  #announced = 0;
  /** Of all files, holes and all, and what could be written of them when it was first asked. */
  #total = 0;
  #most: number | undefined;
  #files = 0;

  /** @param directory on the file system that is written to; absolute */
  constructor(directory: ByteString, fileLimits: FileLimits = limits) {
    this.#directory = directory;
    this.#limits = fileLimits;
  }

  /** @throws {BerthError} failed-precondition, when `size` bytes for the file `name` are more than is free; as {@link file} */
  announce(name: ByteString, size: number): void {
    this.file(name);
    this.#announced += size;
    this.#total += size;
    if (this.#announced < limits.freeBytes) return;
    this.#announced = 0;
    const free = Math.max(0, freeBytes(pathOf(this.#directory)) - limits.freeBytes);
    if (size > free) throw this.#full(`${shown(name)} has ${humanSize(size)}, ${humanSize(free)} may be written`);
    // Holes take nothing of the disk, so that it doesn't tell how many there were.
    this.#most ??= free + this.#total - size;
    const files = `the files up to ${shown(name)} have ${humanSize(this.#total)}`;
    if (this.#total > this.#most) throw this.#full(`${files}, ${humanSize(this.#most)} could be written`);
  }

  /** Count one file or directory. @throws {BerthError} invalid-argument, when there are too many; failed-precondition, when no more go on the disk */
  file(name: ByteString): void {
    this.#files++;
    if (this.#files > this.#limits.files) {
      const message = `too many files: the archive has more than ${this.#limits.files}, at ${shown(name)}`;
      throw new BerthError("invalid-argument", message, {
        hint: "Archives with files without end are made to fill disks. Where you trust it, make several layers of it.",
      });
    }
    if (this.#files % filesAtOnce !== 0) return;
    const { files, ffree } = statfsSync(pathOf(this.#directory));
    // Some file systems make inodes as they go, and tell of none.
    if (files === 0 || ffree > this.#limits.freeInodes) return;
    throw this.#full(`${shown(name)} is file ${this.#files} of the archive, ${ffree} inodes are free`);
  }

  #full(what: string): BerthError {
    return new BerthError("failed-precondition", `no space left on device: ${what}`, {
      hint: "Make room, unless the archive lies: files that grow without end are made to fill disks.",
    });
  }
}

/**
 * Refuse an image that can't fit before any of it is fetched.
 *
 * @param directory on the file system that it would be written to
 * @param needed bytes, at least
 * @param advice a sentence that says how to make room
 * @throws {BerthError} failed-precondition
 */
export function requireFree(directory: string, needed: number, advice: string): void {
  const free = freeBytes(directory);
  if (needed <= Math.max(0, free - limits.freeBytes)) return;
  throw new BerthError("failed-precondition", `write ${directory}: no space left on device`, {
    hint: `The image takes at least ${humanSize(needed)}. ${humanSize(free)} are free, and ${humanSize(limits.freeBytes)} of that stay free. ${advice}`,
  });
}

/** Of {@link limits}, what concerns the number of files. */
type FileLimits = Pick<typeof limits, "files" | "freeInodes">;

function shown(name: ByteString): string {
  return JSON.stringify(textOf(name.slice(0, 200)));
}
