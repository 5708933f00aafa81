import { lstatSync } from "node:fs";
import { expect, test } from "vitest";
import { BerthError, codeOf, isKind } from "./errors.ts";
import { receivedError, sentError } from "./sent-error.ts";

const sent = (error: unknown): Error => receivedError(structuredClone(sentError(error)));

function failure(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

test("an error for the reader arrives as one, with its hint and its causes", () => {
  const cause = failure(() => lstatSync("/none"));
  const received = sent(new BerthError("not-found", "no such thing", { hint: "Make one.", cause }));
  expect(received).toBeInstanceOf(BerthError);
  expect(received).toMatchObject({ kind: "not-found", message: "no such thing", hint: "Make one." });
  expect(codeOf(received.cause)).toBe("ENOENT");
  expect(isKind(sent(new Error("outer", { cause: new BerthError("conflict", "inner") })), "conflict")).toBe(true);
});

test("a system error keeps its code, message and stack", () => {
  const error = failure(() => lstatSync("/none"));
  const received = sent(error);
  expect(received).toMatchObject({ code: "ENOENT", syscall: "lstat", path: "/none" });
  expect(received.stack).toBe((error as Error).stack);
  expect(received.message).toBe((error as Error).message);
});

test("what is no error becomes one", () => {
  expect(sent("text").message).toBe("text");
});
