import { expect, test } from "vitest";
import { BerthError } from "../base/errors.ts";
import { changedMode, parseMode } from "./mode.ts";

test.each([
  ["0755", 0o600, 0o755],
  ["4755", 0o600, 0o4755],
  ["0", 0o600, 0],
  ["+x", 0o644, 0o755],
  ["a-w", 0o666, 0o444],
  ["u=rwx,go=rx", 0o4600, 0o755],
  ["go=", 0o777, 0o700],
  ["u=rwX,go=rX", 0o640, 0o644],
  ["u=rwX,go=rX", 0o750, 0o755],
  ["-X", 0o755, 0o644],
  ["g=u-w", 0o740, 0o750],
  ["o+g", 0o750, 0o755],
  ["u+s,g+s,+t", 0o755, 0o7755],
  ["o+st", 0o755, 0o755],
  ["u-s", 0o4755, 0o755],
  ["+rw-x", 0o111, 0o666],
  ["u=g", 0o4070, 0o4770],
])("%s makes %o", (text, old, expected) => {
  expect(changedMode(parseMode(text), old, false).toString(8)).toBe(expected.toString(8));
});

test("X gives directories away that nobody could enter", () => {
  expect(changedMode(parseMode("go+X"), 0o600, true)).toBe(0o611);
});

test.each([
  ["10000", "invalid chmod parameter: '10000'. it should be octal string and between 0 and 07777"],
  ["999", "invalid chmod parameter: '999'. it should be octal string and between 0 and 07777"],
  ["rwx", "invalid chmod parameter: 'rwx': invalid syntax"],
  ["u", "invalid chmod parameter: 'u': invalid syntax"],
  ["u+x,", "invalid chmod parameter: 'u+x,': invalid syntax"],
  ["+7", "invalid chmod parameter: '+7': invalid syntax"],
])("%s is refused", (text, message) => {
  expect(() => parseMode(text)).toThrow(BerthError);
  expect(() => parseMode(text)).toThrow(message);
});
