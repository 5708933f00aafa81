import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { CliError } from "./cli-error.ts";
import { printError } from "./print-error.ts";
import { outputInto } from "./terminal/testing.ts";

function printed(error: unknown): { readonly code: number; readonly text: string } {
  const stderr = new PassThrough();
  const code = printError({ stderr: outputInto(stderr) }, error);
  stderr.end();
  let text = "";
  for (let piece: unknown = stderr.read(); piece !== null; piece = stderr.read()) text += String(piece);
  return { code, text };
}

test("what failed first is told before what failed in cleaning up, and gives the exit code", () => {
  const first = new CliError("ERROR: the step failed", { code: 3, hint: "Mend it." });
  expect(printed(new SuppressedError(new Error("the disk is full"), first))).toEqual({
    code: 3,
    text: "ERROR: the step failed\nthe disk is full\nhint: Mend it.\n",
  });
});

test("what moves a terminal's cursor, or turns its text around, is shown and not obeyed; lines and tabs stay", () => {
  const error = new CliError('name "\x1b[2J\u009b1A\u202e\udce9"\n\tline', { hint: "It is there for \x07." });
  expect(printed(error).text).toBe('name "\\x1b[2J\\x9b1A\\u202e\\xe9"\n\tline\nhint: It is there for \\x07.\n');
});

test("the same is told once", () => {
  const full = (): Error => new Error("the disk is full");
  expect(printed(new SuppressedError(full(), new SuppressedError(full(), full())))).toEqual({
    code: 1,
    text: "the disk is full\n",
  });
});

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test.each<[string, () => unknown, string]>([
  ["a file that isn't there", () => readFileSync("/nosuch/x"), "open /nosuch/x: no such file or directory"],
  ["a directory", () => readFileSync("/"), "read: is a directory"],
  ["what is there already", () => mkdirSync("/dev"), "mkdir /dev: file exists"],
  ["two names", () => renameSync("/nosuch/x", "/y"), "rename /nosuch/x /y: no such file or directory"],
])("the system's error about %s is told as Docker tells it", (_, act, text) => {
  expect(printed(thrownBy(act)).text).toBe(`${text}\n`);
});

test("an error with a code that is none of the system stays as it is", () => {
  const error = Object.assign(new Error("ERR_X: a, b 'c'"), { code: "ERR_Y" });
  expect(printed(error).text).toBe("ERR_X: a, b 'c'\n");
});

test("a full disk is told with what to do about it", () => {
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
  expect(printed(full)).toEqual({
    code: 1,
    text:
      "write: no space left on device\n" +
      "hint: `berth system df` shows what takes space, `berth system prune` frees what nothing uses.\n",
  });
});
