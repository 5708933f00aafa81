// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
import { expect, test } from "vitest";
import { parseHcl } from "./parse-body.ts";
import { parseJson } from "./parse-json.ts";

test("blocks have labels and bodies, and bodies attributes", () => {
  const { attributes, blocks } = parseHcl({
    name: "f.hcl",
    text: 'a = 1\ntarget "x" {\n  tags = ["y"]\n}\ngroup default { targets = [] }\nvariable "v" {}\n',
  });
  expect([...attributes.keys()]).toEqual(["a"]);
  expect(blocks.map(({ type, labels, body }) => [type, labels, [...body.attributes.keys()]])).toEqual([
    ["target", ["x"], ["tags"]],
    ["group", ["default"], ["targets"]],
    ["variable", ["v"], []],
  ]);
});

test.each([
  ['target "a" {\n  x = [1\n}\n', "f.hcl:3,1-2: Missing item separator; Expected a comma"],
  ['target "a" {\n', "f.hcl:1,12-13: Unclosed configuration block"],
  ["a = 1 b = 2\n", "f.hcl:1,7-8: Missing newline after argument"],
  ["a = 1\na = 2\n", 'f.hcl:2,1-2: Attribute redefined; The argument "a" was already set at f.hcl:1,1-2.'],
  ["a\n", "Argument or block definition required"],
  ['"a" = 1\n', "f.hcl:1,1-2: Invalid argument name; Argument names must not be quoted."],
  ['target "a" { x = 1, y = 2 }\n', "Single-line block syntax can include only one argument"],
  ['target "a" { x = 1\n}\n', "must also be closed on the same line"],
  ["a = \n", "f.hcl:1,5-2,1: Invalid expression"],
  ["a = 1 ? 2\n", "Missing false expression in conditional"],
  ["a = f(1\n", "Unterminated function call"],
  ["a = f(1 2)\n", "Missing argument separator"],
  ["a = (1\n", "Unbalanced parentheses"],
  ["a = b[1\n", "Missing close bracket on index"],
  ["a = b.\n", "Invalid attribute name"],
  ["a = { x 1 }\n", "Missing key/value separator"],
  ["a = { x = 1 y = 2 }\n", "Missing attribute separator"],
  ["a = { x.y = 1 }\n", "Ambiguous attribute key"],
  ["a = [for x y : z]\n", "For expression requires the 'in' keyword"],
  ["a = [for x in y z]\n", "For expression requires a colon"],
  ["a = [for x in y : k => v]\n", "Key expression is not valid when building a tuple."],
  ["a = { for x in y : v }\n", "Key expression is required when building an object."],
  ['a = "${b c}"\n', "f.hcl:1,10-11: Extra characters after interpolation expression"],
  ['a = "%{ if x }"\n', "Unexpected end of template"],
  ['a = "%{ endif }"\n', "Unexpected endif directive"],
  ['a = "%{ foo }"\n', "Invalid template control keyword"],
  ['a = "\\q"\n', 'Invalid escape sequence; The symbol "q" is not a valid escape sequence selector.'],
  ['a = "\\ud800"\n', "Cannot encode character U+d800 in UTF-8."],
  ["a = 12345678901234567890\n", "Invalid number literal"],
])("%j is refused", (text, message) => {
  expect(() => parseHcl({ name: "f.hcl", text })).toThrow(message);
});

test("JSON has blocks by label, several of one label in a list, and comments", () => {
  const { blocks, attributes } = parseJson({
    name: "f.json",
    text: '{"//": "note", "x": 1, "target": {"a": {"tags": ["t"]}, "b": [{}, {}]}, "variable": {"V": {"default": 1}}}',
  });
  expect(blocks.map(({ type, labels }) => [type, labels[0]])).toEqual([
    ["target", "a"],
    ["target", "b"],
    ["target", "b"],
    ["variable", "V"],
  ]);
  expect([...attributes.keys()]).toEqual(["x"]);
});

test.each([
  ['{"a": }', "f.json:1,7-8: Invalid JSON"],
  ['{"a": 1,}', "a text in double quotes is required here"],
  ['{"a": 1} x', "there is something behind the value"],
  ['{"target": "x"}', "Incorrect JSON value type"],
  ['{"a": "${b c}"}', "f.json:1,12-13: Extra characters after interpolation expression"],
  [`${"[".repeat(500)}`, "values can be nested 100 deep"],
])("JSON %j is refused", (text, message) => {
  expect(() => parseJson({ name: "f.json", text })).toThrow(message);
});
