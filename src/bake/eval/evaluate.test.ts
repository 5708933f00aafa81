// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BerthError } from "../../base/errors.ts";
import { resolveBodies } from "../definition/resolve.ts";
import { specialForms, standardFunctions } from "../functions/stdlib.ts";
import { HclError } from "../hcl/hcl-error.ts";
import { parseHcl } from "../hcl/parse-body.ts";

/** The value of an expression as JSON, by way of a whole definition. */
function shownValue(expression: string): string | null | undefined {
  const text = `target "t" { args = { X = jsonencode(${expression}) } }\n`;
  const { targets } = resolveBodies([parseHcl({ name: "f.hcl", text })], { lookup: () => undefined, builtin: {} });
  return targets[0]?.args?.["X"];
}

function errorOf(expression: string): string {
  try {
    return `no error: ${shownValue(expression)}`;
  } catch (error) {
    if (!(error instanceof HclError)) throw error;
    return error.message.replace(/^f\.hcl:1,/, "");
  }
}

function casesOf(name: string): readonly (readonly [string, string])[] {
  const lines = readFileSync(join(import.meta.dirname, name), "utf8").split("\n");
  return lines.flatMap((line) => {
    const [expression, expected] = line.split("\t");
    return line.startsWith("#") || expression === undefined || expected === undefined ? [] : [[expression, expected]];
  });
}

const values = casesOf("values.cases.txt");

test.each(values)("%s", (expression, expected) => {
  expect(shownValue(expression)).toBe(expected);
});

test.each(casesOf("errors.cases.txt"))("%s is refused", (expression, expected) => {
  expect(errorOf(expression)).toBe(expected);
});

test("every function has a case", () => {
  const untested = [...standardFunctions.keys(), ...specialForms.keys()].filter(
    (name) => !values.some(([expression]) => expression.startsWith(`${name}(`)),
  );
  // These have tests of their own: what they give is not the same each time.
  expect(untested.toSorted()).toEqual(
    "basename bcrypt dirname formattimestamp homedir index indexof rsadecrypt sanitize semvercmp timestamp unixtimestampparse uuidv4".split(
      " ",
    ),
  );
});

describe("functions that buildx got later", () => {
  test.each([
    ['basename("/usr/local/file.txt")', '"file.txt"'],
    ['basename("a/")', '"a"'],
    ['dirname("/usr/local/file.txt")', '"/usr/local"'],
    ['dirname("file")', '"."'],
    ['formattimestamp("YYYY-MM-DD", 0)', '"1970-01-01"'],
    ['formattimestamp("X", "1970-01-01T00:01:00Z")', '"60"'],
    ['index({ a = "x" }, "a")', '"x"'],
    ['index(["a", "b"], 1)', '"b"'],
    ['indexof(["a", "b"], "b")', "1"],
    ['sanitize("My App! v1.0")', '"My_App__v1_0"'],
    ["unixtimestampparse(1690328596).rfc3339", '"2023-07-25T23:43:16Z"'],
    ["unixtimestampparse(1690328596).iso_week", "30"],
    ["unixtimestampparse(1690328596).year_day", "206"],
  ])("%s", (expression, expected) => {
    expect(shownValue(expression)).toBe(expected);
  });

  test.each([
    ["1.2.3", ">= 1.2", true],
    ["1.2.3", "< 1.2", false],
    ["1.2.3", "^1.0", true],
    ["2.0.0", "^1.0", false],
    ["0.2.5", "^0.2.3", true],
    ["0.3.0", "^0.2.3", false],
    ["1.2.9", "~1.2.3", true],
    ["1.3.0", "~1.2.3", false],
    ["1.3.0", "~> 1.2", false],
    ["1.5.0", "1.x", true],
    ["1.5.0", "1.2 - 2.0", true],
    ["1.5.0", ">1 <2 || >3", false],
    ["1.5.0", "!= 1.5.0", false],
    ["1.5.0-beta.2", ">= 1.4", false],
    ["1.5.0-beta.2", ">= 1.5.0-beta.1", true],
    ["1.5.0", "*", true],
  ])("semvercmp of %s and %s", (version, constraint, expected) => {
    expect(shownValue(`semvercmp("${version}", "${constraint}")`)).toBe(String(expected));
  });
});

test("what isn't the same each time has its form", () => {
  expect(JSON.parse(shownValue("uuidv4()") ?? "")).toMatch(
    /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
  );
  expect(JSON.parse(shownValue("timestamp()") ?? "")).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(shownValue("homedir()")).toMatch(/^"\/.*"$/);
});

test("bcrypt is refused", () => {
  expect(errorOf('bcrypt("x")')).toContain("berth doesn't have bcrypt");
});

describe("a definition that never ends is ended", () => {
  const refused = (text: string): string => {
    try {
      resolveBodies([parseHcl({ name: "f.hcl", text })], { lookup: () => undefined, builtin: {} });
    } catch (error) {
      if (error instanceof BerthError) return error.message;
      throw error;
    }
    return "no error";
  };

  test("by its steps", () => {
    const lists =
      "a = [for i in range(1000) : i]\nb = [for i in a : a]\nc = [for i in a : [for j in a : [for k in a : k]]]\n";
    expect(refused(lists)).toContain("takes more than 1000000 steps");
  });

  test("by the length of its texts", () => {
    const doubled = Array.from({ length: 40 }, (_, i) => `x${i + 1} = "\${x${i}}\${x${i}}"`).join("\n");
    expect(refused(`x0 = "xxxxxxxx"\n${doubled}\n`)).toContain("makes a text of more than");
  });

  test("by values that hold others many times over", () => {
    const doubled = Array.from({ length: 60 }, (_, i) => `x${i + 1} = [x${i}, x${i}]`).join("\n");
    expect(refused(`x0 = [1]\n${doubled}\n`)).toContain("takes more than 1000000 steps");
  });

  test("by a sum that is nested in itself", () => {
    expect(refused(`x = ${"1 + ".repeat(100_000)}1\n`)).toContain("Expression too long");
  });

  test("by references that wait for each other", () => {
    const chain = Array.from({ length: 200 }, (_, i) => `x${i} = "\${x${i + 1}}"`).join("\n");
    expect(refused(`${chain}\nx200 = "end"\n`)).toContain("wait for each other");
  });

  test("by a function that calls itself", () => {
    const text = 'function "f" {\n  params = [a]\n  result = f(a)\n}\nx = f(1)\n';
    expect(refused(text)).toContain("function cycle not allowed for f");
  });

  test("by a pattern that takes for ever", () => {
    const text = `x = regex("^(([a-z])+.)+[A-Z]([a-z])+\\\\b$", "${"a".repeat(60)}")\n`;
    expect(refused(text)).toContain("takes longer than 1000 ms to match");
  });

  test("by its nesting", () => {
    expect(refused(`x = ${"(".repeat(200)}1${")".repeat(200)}\n`)).toContain("Too deeply nested");
    expect(refused(`x = ${"[".repeat(200)}\n`)).toContain("Too deeply nested");
    expect(refused(`x = ${'"${'.repeat(200)}\n`)).toMatch(/Too (deeply )?nested|Too many nested/);
  });
});
