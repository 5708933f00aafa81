import { expect, test } from "vitest";
import { signalNumber } from "./signal.ts";

test.each([
  ["SIGTERM", 15],
  ["term", 15],
  ["9", 9],
  ["SIGRTMIN+3", 37],
  ["rtmax-1", 63],
  ["SIGRTMIN+40", undefined],
  ["0", undefined],
  ["00", undefined],
  ["999", 999],
  ["-1", -1],
  ["SIGTERM SIGINT", undefined],
  ["", undefined],
])("%j is %s", (text, number) => {
  expect(signalNumber(text)).toBe(number);
});
