import { expect, test } from "vitest";
import { alignSteps } from "./align.ts";
import type { PastStep } from "./past-build.ts";

/** Steps of one stage, one a line; their vertices are `prefix` and the line. */
const stepsOf = (prefix: string, instructions: readonly string[]): readonly PastStep[] =>
  instructions.map((text, index) => ({
    vertex: `${prefix}${index + 1}`,
    name: `[${index + 2}/${instructions.length + 1}] ${text}`,
    op: "exec",
    span: { start: index + 1, end: index + 1 },
    outcome: "ran",
  }));

test.each([
  ["equal ones", ["RUN a", "RUN b"], ["RUN a", "RUN b"], { n1: "o1", n2: "o2" }],
  ["one that was put between", ["RUN a", "RUN new", "RUN b"], ["RUN a", "RUN b"], { n1: "o1", n3: "o2" }],
  ["one that was taken out", ["RUN a", "RUN c"], ["RUN a", "RUN b", "RUN c"], { n1: "o1", n2: "o3" }],
  [
    "one that was rewritten",
    ["RUN a", "RUN b2", "RUN c"],
    ["RUN a", "RUN b", "RUN c"],
    { n1: "o1", n2: "o2", n3: "o3" },
  ],
  ["others of another keyword", ["COPY x /", "RUN b"], ["RUN a", "COPY y /"], { n1: "o2" }],
  ["nothing", ["RUN a"], [], {}],
])("%s are the same steps", (_what, now, before, pairs) => {
  const aligned = alignSteps(stepsOf("n", now), stepsOf("o", before));
  expect(Object.fromEntries([...aligned].map(([vertex, old]) => [vertex, old.vertex]))).toEqual(pairs);
});

test("what ran first doesn't matter, and base images are no steps", () => {
  const [first, second] = stepsOf("n", ["RUN a", "RUN a2"]);
  const image: PastStep = { vertex: "image", name: "[1/3] FROM x", op: "image", outcome: "ran" };
  if (first === undefined || second === undefined) throw new Error("two steps");
  const aligned = alignSteps([second, image, first], stepsOf("o", ["RUN b", "RUN b2"]));
  expect([...aligned].map(([vertex, old]) => [vertex, old.vertex])).toEqual([
    ["n1", "o1"],
    ["n2", "o2"],
  ]);
});
