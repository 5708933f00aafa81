import { zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { pack, unpack } from "./packed.ts";

test.each([
  { what: "no values", values: [] },
  { what: "a few values", values: [{ name: "RUN make" }, ["ü", null], 1.5, "a\nb"] },
  { what: "many values", values: Array.from({ length: 20_000 }, (_, index) => ({ index, name: `step ${index}` })) },
])("unpacks $what as they were", ({ values }) => {
  expect(unpack(pack(values))).toEqual(values);
});

test("compresses what is large", () => {
  expect(pack(Array.from({ length: 20_000 }, () => "the same")).length).toBeLessThan(1000);
});

test("reads what was compressed though it is small", () => {
  expect(unpack(zstdCompressSync('{"a":1}\n"b"\n'))).toEqual([{ a: 1 }, "b"]);
});

test("refuses what is neither", () => {
  expect(() => unpack(Buffer.from("no JSON"))).toThrow();
  expect(() => unpack(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3]))).toThrow();
});
