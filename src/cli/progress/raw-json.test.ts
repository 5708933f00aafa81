import { expect, test } from "vitest";
import type { ProgressEvent } from "../../base/operation.ts";
import type { PastStep } from "../engine-types.ts";
import { rawJSONProgress } from "./raw-json.ts";
import { replay } from "./replay.ts";

/** What is written for events that come a second after each other. */
function told(events: readonly ProgressEvent[]): readonly unknown[] {
  const lines: string[] = [];
  let now = 0;
  using display = rawJSONProgress({ write: (text) => lines.push(text), time: () => now });
  for (const event of events) {
    display.report(event);
    now += 1000;
  }
  return lines.map((line) => {
    expect(line.endsWith("\n")).toBe(true);
    return JSON.parse(line) as unknown;
  });
}

const step = { kind: "step", id: "sha256:1", name: "[1/2] RUN a" } as const;
const second = (seconds: number): string => new Date(seconds * 1000).toISOString();

test("every event is a line in the form of BuildKit's SolveStatus", () => {
  const data = Buffer.from([0xff, 10]);
  const vertex = { digest: "sha256:1", name: "[1/2] RUN a" };
  expect(
    told([
      { ...step, status: "started", inputs: ["sha256:0"] },
      { kind: "output", id: "sha256:1", stream: "stderr", data },
      { kind: "bytes", id: "sha256:1", name: "sha256:b", current: 5, total: 5 },
      { kind: "status", id: "sha256:1", name: "resolve", duration: 500 },
      { kind: "warning", id: "sha256:1", message: "hm" },
      { ...step, status: "failed", error: "bad" },
      { ...step, id: "sha256:2", status: "cached", inputs: [] },
    ]),
  ).toEqual([
    { vertexes: [{ ...vertex, inputs: ["sha256:0"], started: second(0) }] },
    { logs: [{ vertex: "sha256:1", stream: 2, data: "/wo=", timestamp: second(1) }] },
    {
      statuses: [
        {
          ...{ id: "sha256:b", vertex: "sha256:1", total: 5, current: 5 },
          ...{ timestamp: second(2), started: second(0), completed: second(2) },
        },
      ],
    },
    {
      statuses: [
        {
          ...{ id: "resolve", vertex: "sha256:1", current: 0 },
          ...{ timestamp: second(3), started: second(2.5), completed: second(3) },
        },
      ],
    },
    { warnings: [{ vertex: "sha256:1", level: 1, short: "aG0=" }] },
    { vertexes: [{ ...vertex, started: second(0), completed: second(5), error: "bad" }] },
    { vertexes: [{ ...vertex, digest: "sha256:2", started: second(6), completed: second(6), cached: true }] },
  ]);
});

test("an earlier build tells again what it told", () => {
  const past = (vertex: string, rest: Partial<PastStep>): PastStep => ({
    vertex,
    name: vertex,
    outcome: "ran",
    ...rest,
  });
  const output = { kind: "output", id: "a", stream: "stdout", data: Buffer.from("x") } as const;
  const events = replay(
    {
      recorded: [
        past("a", { started: 1, duration: 4 }),
        past("b", { started: 2, outcome: "cached" }),
        past("c", { started: 3, duration: 2, outcome: "failed", error: "bad" }),
        past("d", { outcome: "skipped" }),
      ],
    },
    [{ at: 5, event: output }],
  );
  expect(events.map(({ at, event }) => [at, event.id, event.kind === "step" ? event.status : event.kind])).toEqual([
    [1, "a", "started"],
    [2, "b", "cached"],
    [3, "c", "started"],
    [5, "a", "output"],
    [5, "a", "done"],
    [5, "c", "failed"],
  ]);
});
