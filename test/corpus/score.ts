import { createHash } from "node:crypto";

/** What Docker did with a case: built it, failed, or something that can't be asked of berth (it used what Docker hadn't then). */
export type Kind = "must-build" | "must-fail" | "ungraded";

/** How no command may end, whatever the case is. */
export type BadEnd = "crashed" | "hung";

/** What berth did with a case. */
export interface CaseOutcome {
  readonly name: string;
  readonly kind: Kind;
  /** The driver's word: `PASS`, `FAIL-build`, `FAIL-config`, `FAIL-fs`, `FAIL-config+fs` or `FAIL-should-error`. */
  readonly result: string;
  /** In what it differs from Docker, one line. */
  readonly why: string;
  readonly end?: BadEnd;
}

/** The result that is kept: the same for the same behaviour, so that a change of it shows in a diff. */
export interface Score {
  readonly mustBuild: Count;
  readonly mustFail: Count;
  readonly failures: Readonly<Record<string, { readonly result: string; readonly why: string }>>;
  readonly badEnds: Readonly<Record<string, BadEnd>>;
  /** Names of the cases that aren't graded, by what berth did. */
  readonly ungraded: {
    readonly built: readonly string[];
    readonly failed: readonly string[];
    readonly notRun: readonly string[];
  };
}

interface Count {
  readonly cases: number;
  readonly passed: number;
}

/** Differences from the driver's Docker that are meant. */
const meant: Readonly<Record<string, string>> = {
  "conf-dockerignore-exclude-kind-of-deep-subdir-star":
    "Docker 26.1 follows every link below what a pattern matches, and fails at a broken one; Docker 28.5 follows only the matches themselves, and so does berth",
};

/**
 * How a command ended that didn't end well by itself.
 *
 * @param code its exit code, as a shell tells it
 * @param text its standard error, with BERTH_DEBUG=1
 */
export function endOf(code: number, text: string): BadEnd | undefined {
  // What timeout(1) gives when it stopped a command, and when it had to kill it.
  if (code === 124 || code === 137) return "hung";
  if (code > 128 || /^Node\.js v\d/m.test(text)) return "crashed";
  const isBug =
    /^ {4}at .*\/dist\//m.test(text) && !/^(Cli|Berth|Build|Dockerfile|Start|Exec|Aggregate)Error\b/m.test(text);
  return isBug ? "crashed" : undefined;
}

/** The same names for the same seed, as if at random. */
export function sample(names: readonly string[], count: number, seed: number): readonly string[] {
  const rank = (name: string): string => createHash("sha256").update(`${seed} ${name}`).digest("hex");
  return names.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, count);
}

/** Count what the cases came to. */
export function scoreOf(outcomes: readonly CaseOutcome[], notRun: readonly string[]): Score {
  const sorted = outcomes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const count = (kind: Kind): Count => {
    const cases = sorted.filter((each) => each.kind === kind);
    return { cases: cases.length, passed: cases.filter(isPassed).length };
  };
  const failed = sorted.filter((each) => each.kind !== "ungraded" && !isPassed(each));
  const ungraded = sorted.filter((each) => each.kind === "ungraded");
  const names = (cases: readonly CaseOutcome[]): readonly string[] => cases.map(({ name }) => name);
  return {
    mustBuild: count("must-build"),
    mustFail: count("must-fail"),
    failures: Object.fromEntries(failed.map(({ name, result, why }) => [name, { result, why: meant[name] ?? why }])),
    badEnds: Object.fromEntries(sorted.flatMap(({ name, end }) => (end === undefined ? [] : [[name, end]]))),
    // The driver takes Docker's failure as the golden result of these: PASS is a failure.
    ungraded: {
      built: names(ungraded.filter((each) => !isPassed(each))),
      failed: names(ungraded.filter(isPassed)),
      notRun: notRun.toSorted(),
    },
  };
}

/** The score as a Markdown document. */
export function scoreTable(score: Score): string {
  const { mustBuild, mustFail, failures, badEnds, ungraded } = score;
  const rows = [
    `| must build as Docker does | ${mustBuild.cases} | ${mustBuild.passed} |`,
    `| must fail as Docker does | ${mustFail.cases} | ${mustFail.passed} |`,
  ];
  const { built, failed, notRun } = ungraded;
  const rest = `${built.length} built, ${failed.length} failed, ${notRun.length} not run`;
  const failing = Object.entries(failures).map(([name, { result, why }]) => `| ${name} | ${result} | ${cell(why)} |`);
  const bad = Object.entries(badEnds).map(([name, end]) => `- ${name} ${end}`);
  return `${[
    ...["| | cases | passed |", "|---|---:|---:|", ...rows, ""],
    ...[`Not graded, and run only to see that nothing crashes or hangs: ${rest}.`, ""],
    ...(failing.length === 0 ? [] : ["| differs | how | why |", "|---|---|---|", ...failing, ""]),
    ...(bad.length === 0 ? ["None crashed or hung."] : ["Crashed or hung:", "", ...bad]),
  ].join("\n")}\n`;
}

/** Cases that passed by an earlier score and don't now; `gained` the other way round. Only cases that were run count. */
export function compareScores(
  earlier: Score,
  outcomes: readonly CaseOutcome[],
): { readonly lost: readonly string[]; readonly gained: readonly string[] } {
  const graded = outcomes.filter(({ kind }) => kind !== "ungraded");
  const passedBefore = ({ name }: CaseOutcome): boolean => !Object.hasOwn(earlier.failures, name);
  const names = (cases: readonly CaseOutcome[]): readonly string[] => cases.map(({ name }) => name).sort();
  return {
    lost: names(graded.filter((each) => passedBefore(each) && !isPassed(each))),
    gained: names(graded.filter((each) => !passedBefore(each) && isPassed(each))),
  };
}

function isPassed({ result }: CaseOutcome): boolean {
  return result === "PASS";
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
