import { expect, test } from "vitest";
import { sideBySide } from "./side-by-side.ts";

test("items are worked on in order, no more than so many at once", async () => {
  const [begun, gates] = [[] as number[], [1, 2, 3].map(() => Promise.withResolvers<void>())];
  const whole = sideBySide([0, 1, 2], { most: 2 }, async (item) => {
    begun.push(item);
    await gates[item]?.promise;
  });
  expect(begun).toEqual([0, 1]);
  gates[1]?.resolve();
  await gates[1]?.promise;
  await Promise.resolve();
  gates[0]?.resolve();
  gates[2]?.resolve();
  await whole;
  expect(begun).toEqual([0, 1, 2]);
});

test("the first failure stops the others and is thrown when they have ended", async () => {
  const ended: number[] = [];
  const whole = sideBySide([0, 1, 2, 3], { most: 2 }, async (item, signal) => {
    if (item === 1) throw new Error("one failed");
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve());
    await promise;
    ended.push(item);
    signal.throwIfAborted();
  });
  await expect(whole).rejects.toThrow("one failed");
  expect(ended).toEqual([0]);
});

test("who asks may stop it", async () => {
  const controller = new AbortController();
  const whole = sideBySide([0, 1], { most: 1, signal: controller.signal }, async (item) => {
    expect(item).toBe(0);
    controller.abort(new Error("stopped"));
  });
  await expect(whole).rejects.toThrow("stopped");
});
