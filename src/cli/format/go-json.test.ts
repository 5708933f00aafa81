import { expect, test } from "vitest";
import { goJson, indentJson } from "./go-json.ts";

test("JSON is indented as Go does it, and its texts and numbers stay as they are", () => {
  const text = '{"a":[ ],"b":{ },"c":[1.0,{"2":"x:{,\\"\\u003c"}],\n"d":null, "e":-1e5}';
  expect(indentJson(text, "\t")).toBe(
    '{\n\t"a": [],\n\t"b": {},\n\t"c": [\n\t\t1.0,\n\t\t{\n\t\t\t"2": "x:{,\\"\\u003c"\n\t\t}\n\t],\n\t"d": null,\n\t"e": -1e5\n}',
  );
});

test("values are written as Go's encoder does it", () => {
  expect(goJson({ a: "<b>&\u2028" })).toBe('{"a":"\\u003cb\\u003e\\u0026\\u2028"}');
  expect(goJson([{}], "  ")).toBe("[\n  {}\n]");
});
