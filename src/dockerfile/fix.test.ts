import { expect, test } from "vitest";
import type { Escape } from "./ast.ts";
import { expandWord } from "./expand.ts";
import { fixDockerfile } from "./fix.ts";
import { openLinter } from "./linter.ts";
import { parseDockerfile } from "./parse.ts";
import type { RuleName } from "./rules.ts";

/** `text` with the fix for a warning of `rule` on the instruction that begins on `line`. */
function fixed(text: string, rule: RuleName, line: number): string {
  const { stages, gaps } = parseDockerfile(text);
  const all = stages.flatMap(({ from, instructions }) => [from, ...instructions]);
  const { span = { start: line, end: line } } = all.find((each) => each.span.start === line) ?? {};
  const linter = openLinter([]);
  const last = gaps[0] ?? span.end;
  linter.warn(rule, rule === "NoEmptyContinuation" ? { start: last, end: last } : span);
  return fixDockerfile(text, linter.diagnostics).text;
}

const table: readonly [RuleName, line: number, before: string, after: string][] = [
  ["ConsistentInstructionCasing", 2, "FROM a\n  Run b\r\n# c", "FROM a\n  RUN b\r\n# c"],
  ["ConsistentInstructionCasing", 1, "\ufeffFROM a\nrun b\nuser c", "\ufefffrom a\nrun b\nuser c"],
  ["FromAsCasing", 1, "FROM a \t as  b ", "FROM a \t AS  b "],
  ["FromAsCasing", 1, "from as AS as", "from as as as"],
  ["StageNameCasing", 1, "FROM A/b AS Ab\n", "FROM A/b AS ab\n"],
  ["RedundantTargetPlatform", 1, "FROM --platform=$TARGETPLATFORM a", "FROM a"],
  ["NoEmptyContinuation", 2, "FROM a\nRUN b \\\n\n # d\n\t\r\n c\n\nRUN d", "FROM a\nRUN b \\\n # d\n c\n\nRUN d"],
  ["NoEmptyContinuation", 2, "FROM a\nRUN <<E b \\\n\n c\n\nd\nE\n", "FROM a\nRUN <<E b \\\n c\n\nd\nE\n"],
  [
    "MaintainerDeprecated",
    2,
    "FROM a\nMAINTAINER  b <c@d> \n",
    'FROM a\nLABEL org.opencontainers.image.authors="b <c@d>" \n',
  ],
  [
    "MaintainerDeprecated",
    2,
    'FROM a\nmaintainer "$b\\"',
    'FROM a\nlabel org.opencontainers.image.authors="\\"\\$b\\\\\\""',
  ],
  ["LegacyKeyValueFormat", 2, "FROM a\nENV b  c\n", "FROM a\nENV b=c\n"],
  ["LegacyKeyValueFormat", 2, "FROM a\nENV b c  $d \n", 'FROM a\nENV b="c  $d" \n'],
  ["LegacyKeyValueFormat", 2, 'FROM a\nLABEL "b" "c d"', 'FROM a\nLABEL "b"="c d"'],
  ["LegacyKeyValueFormat", 2, "FROM a\nENV b c \\\n# e\n  d\n", 'FROM a\nENV b="c \\\n# e\n  d"\n'],
  ["JSONArgsRecommended", 2, "FROM a\nCMD  sh -x b=c \n", 'FROM a\nCMD  ["sh", "-x", "b=c"] \n'],
  [
    "ExposeProtoCasing",
    2,
    "FROM a\nEXPOSE 1/TCP $B/UDP \\\n# 2/TCP\n 3/Udp",
    "FROM a\nEXPOSE 1/tcp $B/UDP \\\n# 2/TCP\n 3/udp",
  ],
  ["ExposeInvalidFormat", 2, "FROM a\nEXPOSE 1:2 [::1]:3:4/udp 5", "FROM a\nEXPOSE 2 4/udp 5"],
];

test.each(table)("%s on line %i of %j", (rule, line, before, after) => {
  expect(fixed(before, rule, line)).toBe(after);
});

test.each<[RuleName, string]>([
  ["LegacyKeyValueFormat", 'ENV b c "d e"'],
  ["LegacyKeyValueFormat", "ENV b it's me, isn't it"],
  ["LegacyKeyValueFormat", "ENV b \\\n c"],
  ["JSONArgsRecommended", "CMD echo $HOME"],
  ["JSONArgsRecommended", "CMD exec b"],
  ["JSONArgsRecommended", "CMD B=c d"],
  ["JSONArgsRecommended", "CMD b *.c"],
  ["JSONArgsRecommended", "CMD b \\\n c"],
  ["ConsistentInstructionCasing", "Ru\\\nn b"],
  ["WorkdirRelativePath", "WORKDIR b"],
  ["UndefinedVar", "ENV b=$c"],
])("%s has no single fix for %j", (rule, instruction) => {
  const text = `FROM a\n${instruction}\n`;
  expect(fixed(text, rule, 2)).toBe(text);
});

test("fixes of several warnings go into one text, those for the same characters one after the other", () => {
  const text = "FROM a as B\nmaintainer c\nEXPOSE 1/TCP 2/TCP\n";
  const linter = openLinter([]);
  const at = (line: number) => ({ start: line, end: line });
  linter.warn("StageNameCasing", at(1));
  linter.warn("FromAsCasing", at(1));
  linter.warn("MaintainerDeprecated", at(2));
  linter.warn("ConsistentInstructionCasing", at(2));
  linter.warn("ExposeProtoCasing", at(3));
  linter.warn("ExposeProtoCasing", at(3));
  const { text: after, fixed: warnings } = fixDockerfile(text, linter.diagnostics);
  expect(after).toBe('FROM a AS b\nlabel org.opencontainers.image.authors="c"\nEXPOSE 1/tcp 2/tcp\n');
  expect(warnings.map(({ rule }) => rule)).toEqual([
    "StageNameCasing",
    "FromAsCasing",
    "MaintainerDeprecated",
    "ExposeProtoCasing",
    "ExposeProtoCasing",
  ]);
});

/** The value of the first pair of the instruction on the second line; undefined where it can't be expanded. */
function valueIn(text: string): string | undefined {
  const { stages, escape: escapeChar } = parseDockerfile(text);
  const instruction = stages[0]?.instructions[0];
  if (instruction?.kind !== "ENV" || instruction.pairs.length !== 1) throw new Error(text);
  try {
    return expandWord(instruction.pairs[0]?.value ?? "", () => "v", { escape: escapeChar }).text;
  } catch {
    return undefined;
  }
}

test.each<Escape>(["\\", "`"])("a value of the legacy format keeps its meaning, escape %s", (escapeChar) => {
  const pieces = ["a", " ", '"', "'", "\\", "`", "$x", "=", "#", "<<"];
  let changed = 0;
  for (const first of pieces)
    for (const second of pieces)
      for (const third of pieces) {
        const before = `# escape=${escapeChar}\nFROM a\nENV key b${first}${second}${third}c\n`;
        const after = fixed(before, "LegacyKeyValueFormat", 3);
        if (after === before) continue;
        changed++;
        expect(valueIn(after), before).toBe(valueIn(before));
      }
  expect(changed).toBeGreaterThan(300);
});
