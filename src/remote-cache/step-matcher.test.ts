import { expect, test } from "vitest";
import { digestOf } from "../oci/digest.ts";
import type { CacheRecord } from "./config.ts";
import { contentRecord, operationRecord, type StepKey } from "./step-key.ts";
import { openStepMatcher } from "./step-matcher.ts";
import { stepRecords } from "./step-records.ts";

const base: StepKey = { forms: [{ operation: digestOf("base"), inputs: [] }] };
const content = async () => [digestOf("content")];
const copy: StepKey = {
  forms: [
    {
      operation: digestOf("copy"),
      inputs: [
        { step: base, selector: "" },
        { step: undefined, selector: "sha256:part", content },
      ],
    },
  ],
};
const run: StepKey = { forms: [{ operation: digestOf("run"), inputs: [{ step: copy, selector: "sha256:all" }] }] };

const records: readonly CacheRecord[] = [
  { digest: operationRecord(digestOf("base")) },
  { digest: contentRecord(digestOf("content")) },
  { digest: operationRecord(digestOf("copy")), inputs: [[{ link: 0 }], [{ link: 1 }]] },
  { digest: operationRecord(digestOf("run")), inputs: [[{ link: 2, selector: "sha256:all" }]] },
];

/** The records with one of them changed. */
const changed = (index: number, change: Partial<CacheRecord>): readonly CacheRecord[] =>
  records.map((record, place) => (place === index ? { ...record, ...change } : record));

test("a step is found by what it is and all that it stands on", async () => {
  expect(await openStepMatcher(records).match(run)).toEqual(new Set([3]));
});

test.each([
  ["its operation", changed(3, { digest: operationRecord(digestOf("another")) })],
  ["the part that it reads", changed(3, { inputs: [[{ link: 2, selector: "sha256:another" }]] })],
  ["what it stands on", changed(0, { digest: operationRecord(digestOf("another")) })],
  ["content that was copied below", changed(1, { digest: contentRecord(digestOf("another")) })],
  ["content, which is another step", changed(1, { inputs: [[{ link: 0 }]] })],
  ["the number of its inputs", changed(3, { inputs: [] })],
])("a step of which %s differs isn't found", async (_, others) => {
  expect(await openStepMatcher(others).match(run)).toEqual(new Set());
});

test("content isn't looked at where nothing could come of it", async () => {
  const read = async (): Promise<never> => {
    throw new Error("it was read");
  };
  const step = (named: StepKey | undefined, operation: string): StepKey => ({
    forms: [
      {
        operation: digestOf(operation),
        inputs: [
          { step: base, selector: "" },
          { step: named, selector: "", content: read },
        ],
      },
    ],
  });
  expect(await openStepMatcher(records).match(step(undefined, "unknown"))).toEqual(new Set());
  const byName = changed(2, { inputs: [[{ link: 0 }], [{ link: 0 }]] });
  expect(await openStepMatcher(byName).match(step(base, "copy"))).toEqual(new Set([2]));
});

test("what is written down is found again, in each of its forms", async () => {
  const [form] = run.forms;
  const forms = form === undefined ? [] : [form, { ...form, operation: digestOf("run, as others write it") }];
  const written = await stepRecords([{ step: { forms }, chainID: digestOf("chain"), created: "2020-01-01T00:00:00Z" }]);
  expect(written.map(({ digest }) => digest).sort()).toEqual(
    [...records.map(({ digest }) => digest), operationRecord(digestOf("run, as others write it"))].sort(),
  );
  for (const each of forms) expect((await openStepMatcher(written).match({ forms: [each] })).size).toBe(1);
});

test("a step of whose input nothing is known isn't written down", async () => {
  const unknown: StepKey = {
    forms: [{ operation: digestOf("copy"), inputs: [{ step: undefined, selector: "", content: async () => [] }] }],
  };
  const above: StepKey = { forms: [{ operation: digestOf("run"), inputs: [{ step: unknown, selector: "" }] }] };
  expect(await stepRecords([unknown, above].map((step) => ({ step, chainID: undefined })))).toEqual([]);
});
