import { closeSync, openSync, readSync } from "node:fs";
import { bytesOf, pathOf } from "../archive/byte-string.ts";

/** Bytes that are compared at once. */
const chunk = 1 << 16;

/** Used for one pair of files after the other. */
const [left, right] = [Buffer.allocUnsafeSlow(chunk), Buffer.allocUnsafeSlow(chunk)];

/** Where two files begin to differ, for people: the number of the byte, from 0, and what each has there. */
export interface DifferentByte {
  readonly before: string;
  readonly after: string;
}

/** Compare two files. @returns undefined when all bytes are equal */
export function firstDifferentByte(before: string, after: string): DifferentByte | undefined {
  const [old, now] = [openSync(pathOf(bytesOf(before)), "r"), openSync(pathOf(bytesOf(after)), "r")];
  try {
    for (let start = 0; ; ) {
      const [read, other] = [readSync(old, left, 0, chunk, null), readSync(now, right, 0, chunk, null)];
      if (read !== other || left.compare(right, 0, read, 0, read) !== 0) {
        let at = 0;
        while (at < Math.min(read, other) && left[at] === right[at]) at++;
        const shown = (bytes: Buffer, length: number): string =>
          `byte ${start + at}: ${JSON.stringify(bytes.toString("latin1", at, Math.min(length, at + shownBytes)))}`;
        return { before: shown(left, read), after: shown(right, other) };
      }
      if (read === 0) return undefined;
      start += read;
    }
  } finally {
    closeSync(old);
    closeSync(now);
  }
}

/** Bytes of a difference that are shown. */
const shownBytes = 32;
