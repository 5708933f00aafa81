import { describe, expect, test } from "vitest";
import { boundJson } from "./json-bounds.ts";
import { limits } from "./limits.ts";

const bound = (text: string) => () => boundJson(Buffer.from(text));

describe("JSON from outside", () => {
  test.each([
    ["in brackets", "[".repeat(limits.jsonDepth + 1)],
    ["in braces", '{"a":'.repeat(limits.jsonDepth + 1)],
    ["behind a text with a quote and a backslash", `["\\"\\\\",${"[".repeat(limits.jsonDepth)}`],
  ])("nested too deep %s is refused", (_, text) => {
    expect(bound(text)).toThrow(`JSON nested more than ${limits.jsonDepth} deep is refused`);
  });

  test.each([
    ["objects", `[${"{},".repeat(limits.jsonValues)}{}]`],
    ["numbers", `[${"1,".repeat(limits.jsonValues)}1]`],
    ["lists side by side", `[${"[],".repeat(limits.jsonValues)}[]]`],
  ])("of too many %s is refused", (_, text) => {
    expect(bound(text)).toThrow(`JSON of more than ${limits.jsonValues} values is refused`);
  });

  test.each([
    ["as deep as may be", "[".repeat(limits.jsonDepth) + "]".repeat(limits.jsonDepth)],
    ["with brackets in a text", JSON.stringify("[{".repeat(1000))],
    ["with escaped quotes around them", JSON.stringify({ a: `"${"[".repeat(1000)}"`, b: "\\" })],
    ["with commas in a text", JSON.stringify(",".repeat(limits.jsonValues + 1))],
    ["that is none", "}}}]]]"],
    ["that is empty", ""],
  ])("%s passes", (_, text) => {
    expect(bound(text)).not.toThrow();
  });
});
