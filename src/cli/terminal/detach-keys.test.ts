import { expect, test } from "vitest";
import { detachFilter, parseDetachKeys } from "./detach-keys.ts";

test.each([
  ["ctrl-p,ctrl-q", [16, 17]],
  ["a", [97]],
  ["ctrl-@,ctrl-[,ctrl-_", [0, 27, 31]],
  ["ctrl-a,x", [1, 120]],
  ["DEL", [127]],
])("%s are the bytes %j", (text, bytes) => {
  expect([...parseDetachKeys(text)]).toEqual(bytes);
});

test.each([
  ["foo", "foo"],
  ["", ""],
  ["ctrl-", "ctrl-"],
  ["ctrl-é", "ctrl-é"],
  ["a,,b", ""],
  ["a,ctrl-P", "ctrl-P"],
])("%j is refused", (text, key) => {
  expect(() => parseDetachKeys(text)).toThrow(`invalid detach keys (${text}): Unknown character: '${key}'`);
});

test.each<[string, readonly string[], string, boolean]>([
  ["nothing but text", ["hello"], "hello", false],
  ["the sequence at once", ["hi\x10\x11rest"], "hi", true],
  ["the sequence in two pieces", ["hi\x10", "\x11"], "hi", true],
  ["a beginning that goes on otherwise", ["\x10", "x"], "\x10x", false],
  ["a beginning that begins again", ["\x10\x10\x11"], "\x10", true],
  ["a beginning alone is held back", ["a\x10"], "a", false],
])("typing %s", (_name, chunks, passed, detached) => {
  const filter = detachFilter(parseDetachKeys("ctrl-p,ctrl-q"));
  const results = chunks.map((chunk) => filter.push(Buffer.from(chunk)));
  expect(Buffer.concat(results.map(({ pass }) => pass)).toString()).toBe(passed);
  expect(results.at(-1)?.detached).toBe(detached);
});
