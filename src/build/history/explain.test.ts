import { describe, expect, test } from "vitest";
import { explainBuild } from "./explain.ts";
import type { ListedFile } from "./file-list.ts";
import type { PastBuild, PastStep, StepField, StepInputs } from "./past-build.ts";

const build = (id: string, recorded: readonly PastStep[]): PastBuild => ({
  ...{ id, started: 0, duration: 1, status: "completed", name: "app", context: "/app", dockerfile: "Dockerfile" },
  ...{ platform: "linux/amd64", tags: [], steps: { total: 0, completed: 0, cached: 0 }, omitted: 0, unneeded: [] },
  ...{ buildArgs: {}, noCache: false, recorded },
});

interface Sketch {
  readonly outcome?: PastStep["outcome"];
  readonly line?: number;
  readonly fields?: readonly StepField[];
  /** Results by vertex. */
  readonly sources?: Readonly<Record<string, string>>;
  readonly files?: string;
  readonly inputs?: Partial<StepInputs>;
}

/** A step; its vertex is its text. */
function step(
  text: string,
  { outcome = "ran", line = 2, fields = [], sources = {}, files, inputs = {} }: Sketch = {},
): PastStep {
  return {
    ...{ vertex: text, name: `[2/3] ${text}`, op: text.startsWith("FROM") ? "image" : "exec", outcome },
    span: { start: line, end: line },
    inputs: {
      definition: JSON.stringify(fields),
      fields,
      sources: Object.entries(sources).map(([vertex, result]) => ({ vertex, result })),
      files: files === undefined ? [] : [{ key: files, mount: "" }],
      ...inputs,
    },
  };
}

const argument = (value: string): StepField => ({ kind: "argument", name: "V", value });
const instruction = (value: string): StepField => ({ kind: "instruction", name: "args", value });

const file = (content: string, mode = 0o644): ListedFile => ({ attributes: ["file", mode, 0, 0, []], content });
const lists: Readonly<Record<string, ReadonlyMap<string, ListedFile>>> = {
  old: new Map([
    ["/same", file("1")],
    ["/changed", file("1")],
    ["/mode", file("1")],
    ["/gone", file("1")],
  ]),
  new: new Map([
    ["/same", file("1")],
    ["/changed", file("2")],
    ["/mode", file("1", 0o755)],
    ["/here", file("1")],
  ]),
};

/** Why the only step of a build ran, compared with builds that have only that one, too. */
function reasonOf(now: PastStep, ...before: readonly PastStep[]) {
  const earlier = before.map((each, index) => build(`old${index}`, [each]));
  const { steps } = explainBuild(build("new", [now]), { earlier, files: (key) => lists[key] });
  return steps[0]?.reason;
}

describe("a step ran because", () => {
  test.each([
    ["nothing was there", step("RUN a"), [], { kind: "first" }],
    ["no result was looked up", step("RUN a", { inputs: { noCache: true } }), [step("RUN a")], { kind: "no-cache" }],
    ["it is new", step("RUN a"), [step("COPY a /")], { kind: "new" }],
    [
      "it reads otherwise",
      step("RUN a2", { fields: [instruction("a2"), argument("2")] }),
      [step("RUN a", { fields: [instruction("a"), argument("1")], line: 7 })],
      { kind: "instruction", before: "RUN a", line: 7 },
    ],
    [
      "an argument has another value",
      step("RUN a", { fields: [instruction("a"), argument("2")], files: "new", sources: { x: "2" } }),
      [step("RUN a", { fields: [instruction("a"), argument("1")], files: "old", sources: { x: "1" } })],
      { kind: "field", field: "argument", name: "V", before: "1", after: "2" },
    ],
    [
      "an argument is gone",
      step("RUN a"),
      [step("RUN a", { fields: [argument("1")] })],
      { kind: "field", field: "argument", name: "V", before: "1" },
    ],
    [
      "something of it changed that has no name",
      step("RUN a", { inputs: { definition: "2" } }),
      [step("RUN a")],
      { kind: "instruction", before: "RUN a", line: 2 },
    ],
    [
      "files are others",
      step("RUN a", { files: "new", sources: { x: "2" } }),
      [step("RUN a", { files: "old", sources: { x: "1" } })],
      {
        kind: "files",
        mount: "",
        changes: {
          changed: [
            { path: "/changed", what: ["content"] },
            { path: "/mode", what: ["mode 0644 -> 0755"] },
          ],
          added: ["/here"],
          removed: ["/gone"],
        },
      },
    ],
    [
      "files are others, too many to know which",
      step("RUN a", { files: "new" }),
      [step("RUN a", { files: "very many" })],
      { kind: "files", mount: "" },
    ],
    ["it had failed", step("RUN a"), [step("RUN a", { outcome: "failed" })], { kind: "no-result", before: "failed" }],
    [
      "its result was gone",
      step("RUN a"),
      [step("RUN a", { outcome: "cached" })],
      { kind: "no-result", before: "cached" },
    ],
  ] as const)("%s", (_why, now, before, reason) => {
    expect(reasonOf(now, ...before)).toEqual(reason);
  });
});

test("a step is compared with the newest build that came as far", () => {
  const unreached = { vertex: "RUN a", name: "[2/3] RUN a", op: "exec", outcome: "skipped" } as const;
  const old = step("RUN a", { fields: [argument("1")] });
  const { steps } = explainBuild(build("new", [step("RUN a", { fields: [argument("2")] })]), {
    earlier: [build("stopped", [unreached]), build("whole", [old]), build("older", [step("RUN a")])],
    files: () => undefined,
  });
  expect(steps[0]).toMatchObject({ compared: "whole", reason: { before: "1", after: "2" } });
});

test("another base image takes along all that stands on it, but not what comes out as before", () => {
  const image = (id: string): PastStep =>
    step("FROM base", { line: 1, fields: [{ kind: "instruction", name: "imageID", value: id }] });
  const stage = (id: string, base: string, one: string): PastBuild =>
    build(id, [
      image(base),
      step("RUN one", { line: 2, sources: { "FROM base": base } }),
      step("RUN two", { line: 3, sources: { "RUN one": one } }),
      step("RUN three", { line: 4, sources: { "RUN two": "same" }, outcome: "cached" }),
      step("COPY four", { line: 5, sources: { "RUN three": "same", "RUN two": one } }),
    ]);
  const { steps } = explainBuild(stage("new", "i2", "l2"), {
    earlier: [stage("old", "i1", "l1")],
    files: () => undefined,
  });
  expect(steps.map(({ step: { vertex }, reason, tookAlong }) => [vertex, reason?.kind, tookAlong.length])).toEqual([
    ["RUN one", "base", 2],
    ["RUN two", "step", 1],
    ["RUN three", undefined, 0],
    ["COPY four", "step", 0],
  ]);
  expect(steps[0]?.reason).toEqual({ kind: "base", name: "FROM base", before: "i1", after: "i2" });
});
