import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { GrowingFile } from "./growing-file.ts";

const place = mkdtempSync(join(tmpdir(), "growing-"));
afterAll(() => rmSync(place, { recursive: true }));

let files = 0;
function fileWith(text: string): string {
  const path = join(place, String(files++));
  writeFileSync(path, text);
  return path;
}

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const piece of source) text += Buffer.from(piece).toString();
  return text;
}

test("who reads gets what was there and what comes, from the start, and ends when it is said to", async () => {
  await using file = await GrowingFile.open(fileWith("there "));
  const early = textOf(file.read());
  for (const word of ["one ", "two ", "three"]) await file.append(Buffer.from(word));
  const late = textOf(file.read());
  expect(await textOf(file.read(6))).toBe("there ");
  file.finish();
  expect(await early).toBe("there one two three");
  expect(await late).toBe("there one two three");
  expect(file.length).toBe(19);
});

test("the memory of a piece may be used again when it is written", async () => {
  await using file = await GrowingFile.open(fileWith(""));
  const piece = Buffer.alloc(100_000);
  for (let n = 0; n < 5; n++) await file.append(piece.fill(n));
  file.finish();
  const text = await textOf(file.read());
  expect(text).toBe("\u0000\u0001\u0002\u0003\u0004".replaceAll(/./gs, (each) => each.repeat(piece.length)));
});

test("a failure reaches those who wait and those who come", async () => {
  await using file = await GrowingFile.open(fileWith("there"));
  const reading = textOf(file.read());
  const failure = new Error("the other bytes never came");
  file.fail(failure);
  await expect(reading).rejects.toBe(failure);
  await expect(textOf(file.read())).rejects.toBe(failure);
  await expect(file.append(Buffer.from("x"))).rejects.toBe(failure);
});

test("nobody waits for a file that was closed", async () => {
  const file = await GrowingFile.open(fileWith(""));
  const reading = expect(textOf(file.read())).rejects.toThrow("closed while it was read");
  await file[Symbol.asyncDispose]();
  await reading;
});
