import { expect, test } from "vitest";
import { ambiguousPrefix } from "./ambiguous.ts";

test("what an ambiguous prefix may mean is listed in the hint, by short ID and name, five at most", () => {
  const candidates = ["a", "b", "c", "d", "e", "f"].map((letter) => ({ id: `sha256:${letter.repeat(64)}` }));
  const named = [{ id: "1".repeat(64), name: "web" }, ...candidates];
  const { kind, message, hint } = ambiguousPrefix({ kind: "conflict", message: "two", candidates: named });
  expect([kind, message]).toEqual(["conflict", "two"]);
  expect(hint).toBe(
    "It means one of 111111111111 (web), aaaaaaaaaaaa, bbbbbbbbbbbb, cccccccccccc, dddddddddddd and 2 more: type more of it.",
  );
});
