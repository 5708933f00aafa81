import { expect, test } from "vitest";
import { openTurns } from "./turns.ts";

const never = new AbortController().signal;

test("turns are had in order, each key by itself", async () => {
  const turns = openTurns(2);
  const had: string[] = [];
  const take = async (key: string, name: string): Promise<Disposable> => {
    const turn = await turns.take(key, never);
    had.push(name);
    return turn;
  };
  const [one] = await Promise.all([take("a", "1"), take("a", "2"), take("b", "b")]);
  const [third, fourth] = [take("a", "3"), take("a", "4")];
  expect(had).toEqual(["1", "2", "b"]);
  one?.[Symbol.dispose]();
  one?.[Symbol.dispose]();
  const next = await third;
  expect(had).toEqual(["1", "2", "b", "3"]);
  next[Symbol.dispose]();
  await fourth;
  expect(had).toEqual(["1", "2", "b", "3", "4"]);
});

test("who goes away while waiting takes nobody's turn", async () => {
  const turns = openTurns(1);
  const first = await turns.take("a", never);
  const leaving = new AbortController();
  const second = turns.take("a", leaving.signal);
  const third = turns.take("a", never);
  leaving.abort(new Error("gone"));
  await expect(second).rejects.toThrow("gone");
  first[Symbol.dispose]();
  (await third)[Symbol.dispose]();
  await expect(turns.take("a", leaving.signal)).rejects.toThrow("gone");
  (await turns.take("a", never))[Symbol.dispose]();
});
