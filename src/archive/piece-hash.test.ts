import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { PieceHash } from "./piece-hash.ts";

// 16 pieces are hashed here, more by a thread; with 60 the same memory is used again.
test.each([0, 1, 15, 16, 17, 60])("%i pieces have the digest of all in a row", async (count) => {
  await using hash = new PieceHash();
  const whole = createHash("sha256");
  for (let number = 0; number < count; number++) {
    const memory = hash.memory().fill(number);
    const piece = memory.subarray(0, number === count - 1 ? 1000 : memory.length);
    whole.update(piece);
    await hash.update(piece);
  }
  expect(await hash.digest()).toBe(whole.digest("hex"));
});

test("memory is used again once its piece is hashed", async () => {
  await using hash = new PieceHash();
  const used = new Set<ArrayBufferLike>();
  for (let number = 0; number < 100; number++) {
    const piece = hash.memory();
    used.add(piece.buffer);
    await hash.update(piece);
  }
  expect(used.size).toBeLessThan(30);
});
