import { statfsSync } from "node:fs";
import { expect, test } from "vitest";
import { bytesOf } from "./byte-string.ts";
import { FreeSpace } from "./free-space.ts";

// A tmpfs, which tells of its inodes. Nothing is written.
const place = bytesOf("/dev");

test("files beyond the limit are refused by name", () => {
  const free = new FreeSpace(place, { files: 3, freeInodes: 0 });
  for (const name of ["a", "b", "c"]) free.announce(name, 0);
  expect(() => free.announce("d", 0)).toThrow(
    expect.objectContaining({
      kind: "invalid-argument",
      message: 'too many files: the archive has more than 3, at "d"',
    }),
  );
});

test("files beyond the free inodes are refused by name", () => {
  const free = new FreeSpace(place, { files: 1e6, freeInodes: Number.MAX_SAFE_INTEGER });
  for (let i = 1; i < 1000; i++) free.file("a");
  expect(() => free.file("b")).toThrow(
    /^no space left on device: "b" is file 1000 of the archive, \d+ inodes are free$/,
  );
});

test("files that each fit are refused where together they don't: holes take nothing while they are written", () => {
  const free = new FreeSpace(place);
  const { bavail, bsize } = statfsSync("/dev");
  const size = Math.floor(bavail * bsize * 0.6);
  free.announce("a", size);
  expect(() => free.announce("b", size)).toThrow(/^no space left on device: the files up to "b" have /);
});
