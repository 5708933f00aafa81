import { statfsSync } from "node:fs";
import { BerthError } from "../base/errors.ts";
import { type ByteString, pathOf, textOf } from "./byte-string.ts";

/** Bytes that may be announced before the file system is asked again, and that always stay free. */
const step = 64 << 20;

/**
 * Refuses what an archive announces when the disk can't hold it, before it is written. A sparse file counts in full: in a
 * layer's archive it takes all of its size.
 */
export class FreeSpace {
  readonly #directory: ByteString;
  #announced = 0;

  /** @param directory on the file system that is written to; absolute */
  constructor(directory: ByteString) {
    this.#directory = directory;
  }

  /** @throws {BerthError} failed-precondition, when `size` bytes for the file `name` are more than is free */
  announce(name: ByteString, size: number): void {
    this.#announced += size;
    if (this.#announced < step) return;
    this.#announced = 0;
    const { bavail, bsize } = statfsSync(pathOf(this.#directory));
    const free = Math.max(0, bavail * bsize - step);
    if (size <= free) return;
    const file = JSON.stringify(textOf(name.slice(0, 200)));
    throw new BerthError(
      "failed-precondition",
      `no space left on device: ${file} has ${size} bytes, ${free} are free`,
      {
        hint: "Make room, unless the archive lies: files that grow without end are made to fill disks.",
      },
    );
  }
}
