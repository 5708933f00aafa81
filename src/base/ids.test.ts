import { expect, test } from "vitest";
import { randomHex, randomID } from "./ids.ts";

test("random digits are as many as asked for, and others each time", () => {
  const seen = Array.from({ length: 200 }, () => randomHex(6));
  for (const digits of seen) expect(digits).toMatch(/^[0-9a-f]{12}$/);
  expect(new Set(seen).size).toBe(200);
  expect(randomID()).toMatch(/^[0-9a-f]{64}$/);
});
