import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { CliError } from "./cli-error.ts";
import { printError } from "./print-error.ts";

function printed(error: unknown): { readonly code: number; readonly text: string } {
  const stderr = new PassThrough();
  const code = printError({ stderr }, error);
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

test("the same is told once", () => {
  const full = (): Error => new Error("the disk is full");
  expect(printed(new SuppressedError(full(), new SuppressedError(full(), full())))).toEqual({
    code: 1,
    text: "the disk is full\n",
  });
});
