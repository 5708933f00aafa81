// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
import { describe, expect, test } from "vitest";
import { tokenize } from "./lexer.ts";

/** Tokens in short: the kind, and the text where the kind doesn't say it. */
function kinds(text: string): string {
  const tokens = tokenize({ name: "f.hcl", text }).slice(0, -1);
  return tokens.map(({ kind, text: own }) => (kind === own || kind === "newline" ? kind : `${kind}:${own}`)).join(" ");
}

test.each([
  ["a = 1", "identifier:a = number:1"],
  ["a-b_c.d", "identifier:a-b_c . identifier:d"],
  ["1.5e-3 .5", "number:1.5e-3 . number:5"],
  ["a # x\nb // y\n/* z\n */ c", "identifier:a newline identifier:b newline identifier:c"],
  ["a>=b=>c...", "identifier:a >= identifier:b => identifier:c ..."],
  ['"x"', 'quote-open:" literal:x quote-close:"'],
  ['""', 'quote-open:" quote-close:"'],
  ['"a\\"b"', 'quote-open:" literal:a\\"b quote-close:"'],
  ['"${a}"', 'quote-open:" interpolation:${ identifier:a template-end:} quote-close:"'],
  ['"$${a} $a %%{"', 'quote-open:" literal:$${a} $a %%{ quote-close:"'],
  ['"${{ a = 1 }}"', 'quote-open:" interpolation:${ { identifier:a = number:1 } template-end:} quote-close:"'],
  [
    '"${"${x}"}"',
    'quote-open:" interpolation:${ quote-open:" interpolation:${ identifier:x template-end:} quote-close:" template-end:} quote-close:"',
  ],
  ['"%{~ if x ~}"', 'quote-open:" directive:%{~ identifier:if identifier:x template-end:~} quote-close:"'],
  ["<<E\na\n E2\n  E\n", "heredoc-open:<<E\n literal:a\n literal: E2\n heredoc-close:  E newline"],
  ["<<-E\n${a}b\nE", "heredoc-open:<<-E\n interpolation:${ identifier:a template-end:} literal:b\n heredoc-close:E"],
])("%j", (text, expected) => {
  expect(kinds(text)).toBe(expected);
});

describe("what can't be read is refused", () => {
  test.each([
    ["a = 'x'", "f.hcl:1,5-6: Invalid character; Single quotes are not valid"],
    ["a = b & c", "f.hcl:1,7-8: Unsupported operator; Bitwise operators"],
    ["a = @", "f.hcl:1,5-6: Invalid character; This character is not used"],
    ['a = "x\n"', "f.hcl:1,7-2,1: Invalid multi-line string"],
    ['a = "x', "Unterminated template string"],
    ["a = <<E\nx\n", "Unterminated template string"],
    ["é = ÿ @", "f.hcl:1,7-8: Invalid character"],
  ])("%j", (text, message) => {
    expect(() => tokenize({ name: "f.hcl", text })).toThrow(message);
  });
});
