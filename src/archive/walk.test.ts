import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchOfTest } from "../base/testing.ts";
import { bytesOf } from "./byte-string.ts";
import { isBefore, walk } from "./walk.ts";

test("a walk goes in the order that isBefore tells", () => {
  const place = scratchOfTest("walk");
  for (const directory of ["a", "a-", "a.b", "a/b", "é", "a/b/\u{1f600}"]) mkdirSync(join(place, directory));
  for (const file of ["a!", "a0", "a/b-", "a/b/c", "a.b/\uffee", "é/x"]) writeFileSync(join(place, file), "");
  const names = [...walk(bytesOf(place))].map(({ name }) => name);
  expect(names).toHaveLength(13);
  for (const [index, name] of names.entries()) {
    expect(names.filter((other) => isBefore(other, name))).toEqual(names.slice(0, index));
  }
});
