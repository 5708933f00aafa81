import { expect, test } from "vitest";
import { instructionText, printable, shortened } from "./printable.ts";

test.each([
  ["plain, ä, 漢", "plain, ä, 漢"],
  ["\x1b[31mred\x07", "\\x1b[31mred\\x07"],
  ["a\nb\x9b", "a\\x0ab\\x9b"],
  ["no UTF-8: \udcff", "no UTF-8: \\xff"],
  ["\u202etxt.exe", "\\u202etxt.exe"],
])("%j is shown as %s", (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test.each([
  ["RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"],
  ["/bin/sh -c apt-get update", "RUN apt-get update"],
  ["|1 A=b /bin/sh -c make", "RUN make"],
  ['/bin/sh -c #(nop)  CMD ["sh"]', 'CMD ["sh"]'],
  ["/bin/sh -c #(nop) ADD file:0 in / ", "ADD file:0 in /"],
  ["COPY a /b # buildkit", "COPY a /b"],
  ['RUN ["make", "all"]', 'RUN ["make", "all"]'],
  ["RUN /bin/sh -c a &&\n\tb", "RUN a && b"],
  ["", "(unknown)"],
])("%j is the instruction %s", (createdBy, text) => {
  expect(instructionText(createdBy)).toBe(text);
});

test("what is too long ends with an ellipsis", () => {
  expect([shortened("abcd", 4), shortened("abcde", 4), shortened("abc", 0)]).toEqual(["abcd", "abc…", "…"]);
});
