import { expect, test, vi } from "vitest";
import { retryAfter, startAttempts } from "./attempts.ts";

const now = Date.parse("2026-11-28T12:00:00Z");

test.each([
  ["0", 0],
  ["120", 120_000],
  ["Sat, 28 Nov 2026 12:00:30 GMT", 30_000],
  ["Sat, 28 Nov 2026 11:00:00 GMT", 0],
  ["soon", undefined],
  ["-1", undefined],
  [undefined, undefined],
])("Retry-After: %s is %s ms", (header, ms) => {
  expect(retryAfter(header, now)).toBe(ms);
});

test("the last failure is thrown when there are no more attempts; what was achieved gives new ones", async () => {
  const attempts = startAttempts(2);
  await attempts.again(new Error("first"), { after: 0 });
  attempts.progressed();
  await attempts.again(new Error("second"), { after: 0 });
  await expect(attempts.again(new Error("third"), { after: 0 })).rejects.toThrow("third");
});

test("what a server asks for is waited for, and by chance a little more", async () => {
  using chance = vi.spyOn(Math, "random").mockReturnValue(1);
  const started = performance.now();
  await startAttempts(2).again(new Error("failed"), { after: 50 });
  expect(performance.now() - started).toBeGreaterThan(150);
  expect(chance).toHaveBeenCalled();
});

test("a signal ends the waiting with its reason", async () => {
  const reason = new Error("enough");
  const waiting = startAttempts(5).again(new Error("failed"), { after: 50_000, signal: AbortSignal.abort(reason) });
  await expect(waiting).rejects.toBe(reason);
});
