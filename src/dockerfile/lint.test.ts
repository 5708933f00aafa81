import { expect, test } from "vitest";
import { limits } from "../base/limits.ts";
import { lintFile } from "./lint.ts";
import { openLinter, parseCheckOptions } from "./linter.ts";
import { parseDockerfile } from "./parse.ts";

// The rules, each with a bad and a good case, are in build/lint.test.ts: most need what lowering knows.

test("a warning says what its rule is about, and names the page that explains it", () => {
  const linter = openLinter([]);
  lintFile(parseDockerfile("FROM a AS B"), linter);
  linter.warn("JSONArgsRecommended", { start: 2, end: 3 }, "CMD");
  linter.warn("InvalidBaseImagePlatform", { start: 1, end: 1 }, "a", "linux/amd64", "linux/arm64");
  expect(linter.diagnostics.map(({ url }) => url)).toEqual([
    "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
    "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/",
    undefined,
  ]);
  expect(linter.diagnostics[0]).toMatchObject({
    rule: "StageNameCasing",
    description: "Stage names should be lowercase",
    span: { start: 1, end: 1 },
  });
});

test.each([
  ["", { skip: [], experimental: [], error: false }],
  [" skip= A , B ; error = true ", { skip: ["A", "B"], experimental: [], error: true }],
  ["experimental=all;error=0", { skip: [], experimental: ["all"], error: false }],
])("check options %j", (text, options) => {
  expect(parseCheckOptions(text)).toEqual(options);
});

test.each([
  ["skip", 'invalid check option "skip"'],
  ["pass=A", 'invalid check option "pass"'],
  ["error=ja", 'failed to parse check option "error=ja": strconv.ParseBool: parsing "ja": invalid syntax'],
])("check options %j are refused", (text, message) => {
  expect(() => parseCheckOptions(text)).toThrow(message);
  expect(() => openLinter([{ name: "check", value: text, line: 1 }])).toThrow(
    `failed to parse check options: ${message}`,
  );
});

test("warnings are errors where the options say so, each rule named once", () => {
  const linter = openLinter([{ name: "check", value: "error=true", line: 1 }]);
  linter.refuse();
  for (const name of ["A", "B"]) linter.warn("StageNameCasing", { start: 1, end: 1 }, name);
  expect(() => linter.refuse()).toThrow(/^lint violation found for rules: StageNameCasing$/);
});

test("of the warnings of a hostile Dockerfile, no more are kept than the limit", () => {
  const linter = openLinter([]);
  for (let line = 1; line <= limits.diagnostics + 1; line++)
    linter.warn("UndefinedVar", { start: line, end: line }, "x");
  expect(linter.diagnostics).toHaveLength(limits.diagnostics);
});
