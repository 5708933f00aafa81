import { readFileSync } from "node:fs";

/** The part of vitest's JSON report that is counted. */
interface Report {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

const text = readFileSync(process.argv[2] ?? "", "utf8");
// Without a report vitest itself has failed.
const report: Partial<Report> = text === "" ? {} : (JSON.parse(text) as Report);
const { success = false, numPassedTests: passed = 0, numPendingTests = 0, numTodoTests = 0 } = report;
// A file that can't be loaded or a hook that throws fails without a failed test.
const failed = Math.max(report.numFailedTests ?? 0, success ? 0 : 1);
const skipped = numPendingTests + numTodoTests;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
