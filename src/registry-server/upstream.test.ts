import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openUpstreams, type Question } from "./upstream.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("whoever has an answer from before waits for three seconds, whenever others began to ask; who has none gets the new one", async () => {
  const registry = Promise.withResolvers<string>();
  const ask = vi.fn(() => registry.promise);
  const question = (known: string | undefined): Question<string> => ({ domain: "slow.test", key: "tag", ask, known });
  const upstreams = openUpstreams(new AbortController().signal);

  const first = upstreams.answer(question("old"));
  await vi.advanceTimersByTimeAsync(2000);
  const joined = upstreams.answer(question("old"));
  const without = upstreams.answer(question(undefined));
  await vi.advanceTimersByTimeAsync(3000);
  expect(await Promise.all([first, joined])).toEqual([
    { value: "old", isStale: true },
    { value: "old", isStale: true },
  ]);
  registry.resolve("new");
  expect(await without).toEqual({ value: "new", isStale: false });
  expect(ask).toHaveBeenCalledTimes(1);
});

test("a registry that fails after its answer was waited for fails nobody", async () => {
  const registry = Promise.withResolvers<string>();
  const upstreams = openUpstreams(new AbortController().signal);
  const answer = upstreams.answer({ domain: "slow.test", key: "tag", ask: () => registry.promise, known: "old" });
  await vi.advanceTimersByTimeAsync(3000);
  expect(await answer).toEqual({ value: "old", isStale: true });
  registry.reject(new Error("too late"));
  await vi.advanceTimersByTimeAsync(0);
});
