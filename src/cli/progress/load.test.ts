import { expect, test } from "vitest";
import { loadProgress } from "./load.ts";

test("layers that come side by side have a line each, which is drawn where it is", () => {
  const written: string[] = [];
  const stdout = { isTTY: true, write: (text: string) => written.push(text) > 0 } as Parameters<typeof loadProgress>[0];
  {
    using progress = loadProgress(stdout, { quiet: false, now: () => 0 });
    for (const [id, current] of [
      ["a", 1],
      ["b", 1],
      ["a", 2],
      ["a", 10],
      ["b", 10],
    ] as const) {
      progress.report({ kind: "bytes", id, name: "Loading layer", current, total: 10 });
    }
  }
  const moves = written.map((text) => text.replace(/(a|b): .*?B\/10B/, "$1"));
  expect(moves).toEqual(["\r\x1b[2Ka", "\n", "\r\x1b[2Kb", "\x1b[1A\r\x1b[2Ka\x1b[1B", "\r\x1b[2Kb", "\n"]);
});
