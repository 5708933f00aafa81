import { expect, test } from "vitest";
import { lintStage } from "./lint.ts";
import { parseDockerfile } from "./parse.ts";

// A file, and the warnings for it and for its last stage: rule, first line, message.
const table: readonly [string, readonly string[]][] = [
  ["FROM a AS b\nRUN c", []],
  ["FROM a AS B", ["StageNameCasing 1 Stage name 'B' should be lowercase"]],
  ["FROM a as b", ["FromAsCasing 1 'as' and 'FROM' keywords' casing do not match"]],
  ["FROM a AS scratch", [`ReservedStageName 1 Stage name should not use the same name as reserved stage "scratch"`]],
  ["FROM a AS b\nFROM c AS b", [`DuplicateStageName 2 Duplicate stage name "b", stage names should be unique`]],
  ["FROM a\nMAINTAINER b", ["MaintainerDeprecated 2 Maintainer instruction is deprecated in favor of using label"]],
  ["FROM a\nRUN b \\\n\n c", ["NoEmptyContinuation 4 Empty continuation line"]],
  [
    "FROM a\nRUN b\nuser c",
    ["ConsistentInstructionCasing 3 Command 'user' should match the case of the command majority (uppercase)"],
  ],
  [
    "from a\nrun b\nUSER c",
    ["ConsistentInstructionCasing 3 Command 'USER' should match the case of the command majority (lowercase)"],
  ],
  [
    "FROM a\nENV b c",
    [`LegacyKeyValueFormat 2 "ENV key=value" should be used instead of legacy "ENV key value" format`],
  ],
  [
    "FROM a\nARG API_TOKEN\nENV TOKEN_FILE=/x KEY=y",
    [
      `SecretsUsedInArgOrEnv 2 Do not use ARG or ENV instructions for sensitive data (ARG "API_TOKEN")`,
      `SecretsUsedInArgOrEnv 3 Do not use ARG or ENV instructions for sensitive data (ENV "KEY")`,
    ],
  ],
  [
    "FROM a\nCMD b",
    ["JSONArgsRecommended 2 JSON arguments recommended for CMD to prevent unintended behavior related to OS signals"],
  ],
  [
    'FROM a\nCMD ["b"]\nCMD ["c"]',
    [
      "MultipleInstructionsDisallowed 2 Multiple CMD instructions should not be used in the same stage because only the last one will be used",
    ],
  ],
  [
    "FROM a\nWORKDIR b\nWORKDIR c",
    [`WorkdirRelativePath 2 Relative workdir "b" can have unexpected results if the base image changes`],
  ],
  ["FROM a\nWORKDIR /b\nWORKDIR c", []],
  ["# check=skip=StageNameCasing, FromAsCasing;error=true\nFROM a as B", []],
  ["# check=skip=all\nfrom a AS scratch\nMAINTAINER b", []],
];

test.each(table)("%j", (text, warnings) => {
  const { file, diagnostics } = parseDockerfile(text);
  const stage = file.stages.at(-1);
  const found = [...diagnostics, ...(stage === undefined ? [] : lintStage(stage))];
  expect(found.map(({ rule, span, message }) => `${rule} ${span.start} ${message}`)).toEqual(warnings);
});

test("a warning names the page that explains it", () => {
  const { diagnostics } = parseDockerfile("FROM a AS B");
  expect(diagnostics[0]?.url).toBe("https://docs.docker.com/go/dockerfile/rule/stage-name-casing/");
  const stage = parseDockerfile("FROM a\nCMD b").file.stages[0];
  const [json] = stage === undefined ? [] : lintStage(stage);
  expect(json?.url).toBe("https://docs.docker.com/go/dockerfile/rule/json-args-recommended/");
});
