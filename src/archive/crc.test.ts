import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { crcWithZeros } from "./crc.ts";

test.each([0, 1, 2, 7, 255, 65_536, 1_000_003])("zeros behind a content count as if they were read: %i", (count) => {
  const content = Buffer.from("content");
  expect(crcWithZeros(crc32(content), count)).toBe(crc32(Buffer.alloc(count), crc32(content)));
  expect(crcWithZeros(0, count)).toBe(crc32(Buffer.alloc(count)));
});

test("a hole of terabytes takes no time, in whatever pieces", () => {
  const terabyte = 2 ** 40;
  expect(crcWithZeros(crcWithZeros(7, terabyte - 5), 5)).toBe(crcWithZeros(7, terabyte));
  expect(crcWithZeros(crcWithZeros(7, 3), 1000 * terabyte)).toBe(crcWithZeros(7, 1000 * terabyte + 3));
});
