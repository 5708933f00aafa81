import { expect, test } from "vitest";
import { withoutCredentials } from "./redact.ts";

test.each([
  ["ADD https://user:word@host/x /y", "ADD https://xxxxx:xxxxx@host/x /y"],
  ["https://token@host/x.git#a@b", "https://xxxxx@host/x.git#a@b"],
  ["https://a:p@ss@host/ ssh://git@host/", "https://xxxxx:xxxxx@host/ ssh://git@host/"],
  ["ssh://git:word@host/", "ssh://xxxxx:xxxxx@host/"],
  ["git@host:x https://host/@scope?a@b", "git@host:x https://host/@scope?a@b"],
])("%s is told without who asks", (text, told) => {
  expect(withoutCredentials(text)).toBe(told);
});
