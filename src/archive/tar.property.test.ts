import fc from "fast-check";
import { expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { parsePax } from "./pax.ts";
import { blockSize } from "./tar-header.ts";
import { TarParser } from "./tar-reader.ts";
import { archiveOf } from "./testing.ts";

const whole = archiveOf(
  ["directory", "dir"],
  ["directory/file", "file", "content ".repeat(100)],
  ["link", "symlink", "directory"],
  [
    "n".repeat(150),
    "file",
    "a PAX header comes before it",
    { mtimeNs: -5n, xattrs: new Map([["user.a", Buffer.from("b")]]) },
  ],
  ["twin", "link", "directory/file"],
  ["device", "char", "", { major: 1, minor: 3 }],
);

/** Give each header block the checksum that it ought to have: what is behind that check is to be reached. */
function summed(archive: Buffer): Buffer {
  for (let at = 0; at + blockSize <= archive.length; at += blockSize) {
    if (archive.toString("latin1", at + 257, at + 262) !== "ustar") continue;
    archive.fill(32, at + 148, at + 156);
    const sum = archive.subarray(at, at + blockSize).reduce((total, byte) => total + byte, 0);
    archive.write(`${sum.toString(8).padStart(6, "0")}\0 `, at + 148, "latin1");
  }
  return archive;
}

/** True when `body` ends, or throws what a user can act on. */
function holds(body: () => unknown): boolean {
  try {
    body();
    return true;
  } catch (error) {
    return error instanceof BerthError;
  }
}

const spots = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.constantFrom(0, 32, 48, 55, 120, 128, 255)), {
  maxLength: 8,
});

test("an archive with any bytes changed, and cut anywhere, is read or is a BerthError", () => {
  fc.assert(
    fc.property(spots, fc.nat(whole.length), fc.integer({ min: 1, max: 2000 }), (changes, end, chunk) => {
      const archive = Buffer.from(whole);
      for (const [at, byte] of changes) archive[at] = byte;
      const bytes = summed(archive).subarray(0, end);
      return holds(() => {
        const parser = new TarParser({ entry: () => {}, data: () => {}, end: () => {} });
        for (let at = 0; at < bytes.length; at += chunk) parser.write(bytes.subarray(at, at + chunk));
        parser.end();
      });
    }),
    { numRuns: 1_000 },
  );
});

test("any bytes are PAX records or a BerthError", () => {
  const piece = fc.oneof(fc.constantFrom("9 path=ab\n", "12 size=-10\n", " ", "=", "\n", "0", "99"), fc.string());
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => Buffer.from(pieces.join("")));
  fc.assert(fc.property(text, (data) => holds(() => parsePax(data))));
});

test("what isn't changed is read", () => {
  const names: string[] = [];
  const parser = new TarParser({ entry: ({ name }) => void names.push(name), data: () => {}, end: () => {} });
  parser.write(summed(Buffer.from(whole)));
  expect(names.length).toBe(6);
});
