import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";
import { corpusDirectory, missingCorpus, runCorpus } from "../corpus/corpus.ts";
import committed from "../corpus/results.json" with { type: "json" };
import { type CaseOutcome, compareScores, endOf, type Score, sample, scoreOf } from "../corpus/score.ts";
import { enterPrivateNetwork } from "../support/private-network.ts";

const directory = process.env["BERTH_CORPUS"] ?? corpusDirectory;
const missing = missingCorpus(directory);
if (missing === undefined) enterPrivateNetwork();
else process.stderr.write(`\n*** SKIPPED: no sample of the Dockerfile corpus: ${missing} ***\n\n`);

/** Forty of the cases, always the same. */
const ofSample = { count: 40, seed: 1 };

describe("the Dockerfile corpus", () => {
  test.skipIf(missing !== undefined)("a sample of it ends as it did when the score was committed", async () => {
    const { outcomes } = await runCorpus({
      directory,
      jobs: availableParallelism(),
      select: (names) => sample(names, ofSample.count, ofSample.seed),
    });
    expect(outcomes).toHaveLength(ofSample.count);
    expect(compareScores(committed as Score, outcomes)).toEqual({ lost: [], gained: [] });
    expect(outcomes.filter(({ end }) => end !== undefined)).toEqual([]);
  });

  const outcome = (name: string, kind: CaseOutcome["kind"], result: string): CaseOutcome => ({
    name,
    kind,
    result,
    why: "",
  });

  test("counts what must build and what must fail apart, and a case that isn't graded not at all", () => {
    const outcomes = [
      outcome("b", "must-build", "PASS"),
      outcome("a", "must-build", "FAIL-fs"),
      outcome("c", "must-fail", "PASS"),
      outcome("d", "ungraded", "FAIL-should-error"),
      { ...outcome("e", "ungraded", "PASS"), end: "hung" as const },
    ];
    const score = scoreOf(outcomes, ["z"]);
    expect(score).toEqual({
      mustBuild: { cases: 2, passed: 1 },
      mustFail: { cases: 1, passed: 1 },
      failures: { a: { result: "FAIL-fs", why: "" } },
      badEnds: { e: "hung" },
      ungraded: { built: ["d"], failed: ["e"], notRun: ["z"] },
    });
    const now = [outcome("a", "must-build", "PASS"), outcome("c", "must-fail", "FAIL-should-error")];
    expect(compareScores(score, now)).toEqual({ lost: ["c"], gained: ["a"] });
  });

  test.each([
    ["a refusal", 1, "ERROR: failed\nBerthError: failed\n    at f (file:///p/dist/berth.js:1:1)\n", undefined],
    ["a step's own stack", 1, "Error: x\n    at g (/app.js:1:1)\n", undefined],
    [
      "a bug",
      1,
      "x is not a function\nTypeError: x is not a function\n    at f (file:///p/dist/berth.js:1:1)\n",
      "crashed",
    ],
    ["an error that nothing caught", 1, "boom\n\nNode.js v26.10.0\n", "crashed"],
    ["a signal", 139, "", "crashed"],
    ["a command that was stopped", 124, "", "hung"],
  ] as const)("knows %s", (_, code, text, end) => {
    expect(endOf(code, text)).toBe(end);
  });
});
