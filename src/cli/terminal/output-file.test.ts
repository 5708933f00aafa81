import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { beforeAll, expect, test } from "vitest";
import { scratchOfFile } from "../../base/testing.ts";
import { checkTarget } from "./output-file.ts";
import { outputInto } from "./testing.ts";

const directory = scratchOfFile("output");

beforeAll(async () => {
  mkdirSync(join(directory, "dir"));
  writeFileSync(join(directory, "file"), "");
  symlinkSync("file", join(directory, "link"));
  const server = createServer().listen(join(directory, "socket"));
  await once(server, "listening");
  return () => server.close();
});

const check = (output: string): Promise<void> =>
  checkTarget({ stdout: outputInto(new PassThrough()) }, { output, failure: "failed to save image" });

// Each as Docker 28.5 tells it.
test.each([
  ["dir", "cannot write to a directory"],
  ["link", "cannot write to a symbolic link directly"],
  ["socket", "cannot write to a socket"],
  ["/dev/null", "cannot write to a character device file"],
])("%s is no place for an archive", async (name, reason) => {
  const path = name.startsWith("/") ? name : join(directory, name);
  await expect(check(path)).rejects.toThrow(`failed to save image: ${reason}`);
});

test("the directory has to be there, and be one", async () => {
  const wrong = (name: string): string => `failed to save image: invalid output path: stat ${join(directory, name)}: `;
  await expect(check(join(directory, "none/x"))).rejects.toThrow(`${wrong("none")}no such file or directory`);
  await expect(check(join(directory, "file/x"))).rejects.toThrow(`${wrong("file")}not a directory`);
});

test("a file is written over, and a new one has a place", async () => {
  await check(join(directory, "file"));
  await check(join(directory, "new"));
});
