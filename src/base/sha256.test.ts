import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "./sha256.ts";

test("is the SHA-256 of FIPS 180-4's examples, of nothing, and of text as UTF-8", () => {
  expect(sha256("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(sha256("")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect(sha256("ü€😀")).toBe(sha256(Buffer.from("ü€😀")));
});

test("is what node:crypto makes of any bytes, part of a buffer too", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, start) => {
      const part = bytes.subarray(start);
      expect(sha256(part)).toBe(createHash("sha256").update(part).digest("hex"));
    }),
  );
});
