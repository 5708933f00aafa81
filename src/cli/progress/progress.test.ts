import { expect, test } from "vitest";
import type { ProgressEvent, StepStatus } from "../../base/operation.ts";
import { failureText } from "./failure.ts";
import { plainProgress } from "./plain.ts";
import { ttyProgress } from "./tty.ts";

const step = (id: string, status: StepStatus, more: { duration?: number; error?: string } = {}): ProgressEvent => ({
  kind: "step",
  id,
  name: `[${id}] RUN ${id}`,
  status,
  ...more,
});
const output = (id: string, text: string): ProgressEvent => ({
  kind: "output",
  id,
  stream: "stdout",
  data: Buffer.from(text),
});

function clock(): { now: () => number; advance: (milliseconds: number) => void } {
  let time = 0;
  return {
    now: () => time,
    advance: (milliseconds) => {
      time += milliseconds;
    },
  };
}

function plain(events: readonly (ProgressEvent | number)[]): string {
  const { now, advance } = clock();
  let text = "";
  {
    using display = plainProgress({ now, write: (more) => (text += more) });
    for (const event of events) {
      if (typeof event === "number") advance(event);
      else display.report(event);
    }
  }
  return text;
}

test("steps are numbered in order, with their output, time and end", () => {
  expect(
    plain([
      step("a", "started"),
      123,
      output("a", "one\ntw"),
      output("a", "o\n"),
      step("a", "done", { duration: 123 }),
      step("b", "cached"),
      step("c", "started"),
      step("c", "failed", { error: "no" }),
    ]),
  ).toBe(
    "#1 [a] RUN a\n#1 0.123 one\n#1 0.123 two\n#1 DONE 0.1s\n\n#2 [b] RUN b\n#2 CACHED\n\n#3 [c] RUN c\n#3 ERROR: no\n",
  );
});

test("a line without an end is printed when its step ends", () => {
  expect(plain([step("a", "started"), output("a", "x"), step("a", "done")])).toBe(
    "#1 [a] RUN a\n#1 0.000 x\n#1 DONE 0.0s\n",
  );
});

test("lines of two steps at once don't mix", () => {
  expect(
    plain([
      step("a", "started"),
      step("b", "started"),
      output("b", "b1\n"),
      output("a", "a1\n"),
      step("a", "done"),
      step("b", "done"),
    ]),
  ).toBe("#1 [a] RUN a\n#1 0.000 a1\n#1 DONE 0.0s\n\n#2 [b] RUN b\n#2 0.000 b1\n#2 DONE 0.0s\n");
});

test("a step that goes on for long gives way, and says so", () => {
  expect(plain([step("a", "started"), step("b", "started"), 6000, output("b", "b1\n"), step("b", "done")])).toBe(
    "#1 [a] RUN a\n#1 ...\n\n#2 [b] RUN b\n#2 6.000 b1\n#2 DONE 0.0s\n",
  );
});

test("what never ended is still printed", () => {
  expect(plain([step("a", "started"), step("b", "started"), output("b", "b1\n")])).toContain("#2 0.000 b1\n");
});

test("a progress bar shows its last state, without control sequences", () => {
  expect(plain([step("a", "started"), output("a", "10%\r50%\r100%\n\x1b[1Gx\n"), step("a", "done")])).toContain(
    "#1 0.000 100%\n#1 0.000 x\n",
  );
});

test("on a terminal steps are painted over, and the cursor comes back", () => {
  const { now, advance } = clock();
  let text = "";
  const size = () => ({ rows: 24, columns: 40 });
  {
    using display = ttyProgress({ now, size, colour: false, write: (more) => (text += more) });
    display.report(step("a", "started"));
    advance(1000);
    display.report(output("a", "hello\n"));
    advance(1000);
    display.report(step("a", "done", { duration: 2000 }));
    display.report(step("b", "cached"));
  }
  const last = text.slice(text.lastIndexOf("[+]"));
  expect(text.startsWith("\x1b[?25l")).toBe(true);
  expect(text).toContain(" => => # hello");
  expect(last.replaceAll("\x1b[2K", "").split("\n")).toEqual([
    "[+] Building 2.0s (2/2) FINISHED",
    `${" => [a] RUN a".padEnd(34)} 2.0s`,
    `${" => CACHED [b] RUN b".padEnd(34)} 0.0s`,
    "\x1b[?25h",
  ]);
});

test("a failure shows the step's last lines, its place and the error, as BuildKit does", () => {
  expect(
    failureText({
      message: 'process "/bin/sh -c false" did not complete successfully: exit code: 1',
      step: { name: "[2/2] RUN false", output: ["0.1 last words"] },
      source: { name: "Dockerfile", text: "FROM a\n\nRUN false\nRUN b\nRUN c\nRUN d", lines: { start: 3, end: 3 } },
    }),
  ).toBe(`------
 > [2/2] RUN false:
0.1 last words
------
Dockerfile:3
--------------------
   1 |     FROM a
   2 |     
   3 | >>> RUN false
   4 |     RUN b
   5 |     RUN c
--------------------
ERROR: failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 1`);
});
