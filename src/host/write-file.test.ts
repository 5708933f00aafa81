import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDirectoryDurably, writeFileDurably } from "./write-file.ts";

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "berth-write-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

test("a file takes the place of another one, and nothing else is left", async () => {
  const path = join(scratch, "file");
  await writeFileDurably(path, "one");
  await writeFileDurably(path, "two");
  expect(readFileSync(path, "utf8")).toBe("two");
  expect(readdirSync(scratch)).toEqual(["file"]);
});

test("a file that can't be put in its place leaves nothing", async () => {
  await makeDirectoryDurably(join(scratch, "taken/by/a/directory"));
  await expect(writeFileDurably(join(scratch, "taken"), "text")).rejects.toMatchObject({ code: "EISDIR" });
  expect(readdirSync(scratch)).toEqual(["file", "taken"]);
});

test("a directory is made with those above it, and may be there", async () => {
  const path = join(scratch, "a/b/c");
  await makeDirectoryDurably(path);
  await makeDirectoryDurably(path);
  expect(statSync(path).isDirectory()).toBe(true);
});
