import { expect, test } from "vitest";
import { digestOf } from "../../oci/digest.ts";
import { keptValue } from "./shown-value.ts";

test.each([
  ["VERSION", "1.2", "1.2"],
  ["SITE", "https://host/a@b", "https://host/a@b"],
  ["API_TOKEN", "hush", digestOf("hush")],
  ["HTTP_PROXY", "http://user:hush@proxy", digestOf("http://user:hush@proxy")],
  ["LONG", "x".repeat(201), digestOf("x".repeat(201))],
])("of a secret and of what is long a digest is kept: %s", (name, value, kept) => {
  expect(keptValue(name, value)).toBe(kept);
});
