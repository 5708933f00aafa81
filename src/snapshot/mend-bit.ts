import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { type ByteString, pathOf } from "../archive/byte-string.ts";
import { checksum, flippedBit, type ManifestEntry } from "../archive/manifest.ts";

/** Largest file that a flipped bit is looked for in: below it, no two bits change a CRC-32 in the same way. */
const sizeLimit = 1 << 28;

/**
 * Turn the one bit back by which a file differs from what it held, in its place.
 *
 * @returns how to undo it, as many flipped bits may look like another one; undefined when it is none
 */
export function turnBitBack(path: ByteString, expected: ManifestEntry): (() => void) | undefined {
  if (expected.size > sizeLimit) return undefined;
  const bit = flippedBit(expected, checksum(path));
  if (bit === undefined) return undefined;
  const turn = (): void => turnBit(path, { at: expected.size - 1 - (bit >> 3), mask: 0x80 >> (bit & 7) });
  turn();
  return turn;
}

function turnBit(path: ByteString, { at, mask }: { readonly at: number; readonly mask: number }): void {
  const fd = openSync(pathOf(path), "r+");
  try {
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, at);
    writeSync(fd, Buffer.from([byte.readUInt8(0) ^ mask]), 0, 1, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
