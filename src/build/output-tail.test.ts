import { expect, test } from "vitest";
import { OutputTail } from "./output-tail.ts";

const tailOf = (...pieces: readonly (string | Uint8Array)[]): readonly string[] => {
  const tail = new OutputTail();
  for (const piece of pieces) tail.add(typeof piece === "string" ? Buffer.from(piece) : piece);
  return tail.lines;
};

test("lines are put together from pieces", () => {
  expect(tailOf("a\nb", "c\nd")).toEqual(["a", "bc", "d"]);
  expect(tailOf("a\n")).toEqual(["a"]);
  expect(tailOf(Uint8Array.of(0xc3), Uint8Array.of(0xbc, 0x0a))).toEqual(["ü"]);
  expect(tailOf()).toEqual([]);
});

test("only the last ten lines are kept, and a line has an end", () => {
  expect(tailOf(Array.from({ length: 30 }, (_, index) => `${index}\n`).join(""))).toEqual([
    ..."20 21 22 23 24 25 26 27 28 29".split(" "),
  ]);
  expect(tailOf("x".repeat(10_000))[0]).toHaveLength(4096);
});
