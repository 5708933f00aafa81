import { describe, expect, test } from "vitest";
import { empty, faultsOf, type Ledger, type Step, written } from "./ledger.ts";

const kept = { id: "sha256:1", mark: "one" };
const build: Step = { verb: "build", name: "b", leaves: "image", mark: "two" };
const rmi: Step = { verb: "rmi", name: "a", leaves: "nothing" };
const prune: Step = { verb: "prune", name: "a", leaves: "same" };

const create: Step = { verb: "create", name: "c", leaves: "container" };

describe("a ledger knows after", () => {
  test.each<{ name: string; reports: Parameters<typeof written>[1][]; after: Partial<Ledger> }>([
    { name: "a begin what is unsure", reports: [{ begin: rmi }], after: { names: { a: kept }, begun: rmi } },
    {
      name: "an image's end its ID",
      reports: [{ begin: build }, { done: build, id: "sha256:2" }],
      after: { names: { a: kept, b: { id: "sha256:2", mark: "two" } } },
    },
    { name: "a removal's end that it is gone", reports: [{ begin: rmi }, { done: rmi }], after: { names: {} } },
    {
      name: "a prune's end the same as before",
      reports: [{ begin: prune }, { done: prune }],
      after: { names: { a: kept } },
    },
    {
      name: "a container's end that it is there",
      reports: [{ begin: create }, { done: create }],
      after: { names: { a: kept }, containers: ["c"] },
    },
    { name: "a look what was found", reports: [{ begin: rmi }, { checked: {} }], after: { names: {} } },
  ])("$name", ({ reports, after }) => {
    expect(reports.reduce(written, { ...empty, names: { a: kept } })).toEqual({ ...empty, ...after });
  });
});

describe("a store is at fault when", () => {
  const names = { a: kept };
  test.each<{ name: string; ledger: Pick<Ledger, "names" | "begun">; shown: Record<string, string>; faults: number }>([
    { name: "never, where all is as reported", ledger: { names }, shown: { a: "sha256:1" }, faults: 0 },
    { name: "an image is lost", ledger: { names }, shown: {}, faults: 1 },
    { name: "an image is another one", ledger: { names }, shown: { a: "sha256:9" }, faults: 1 },
    {
      name: "an image shows that nobody made",
      ledger: { names },
      shown: { a: "sha256:1", "<none>": "sha256:3" },
      faults: 1,
    },
    {
      name: "not where a removal was cut off before its work",
      ledger: { names, begun: rmi },
      shown: { a: "sha256:1" },
      faults: 0,
    },
    { name: "not where it was cut off after it", ledger: { names, begun: rmi }, shown: {}, faults: 0 },
    { name: "a removal left something else", ledger: { names, begun: rmi }, shown: { a: "sha256:5" }, faults: 1 },
    {
      name: "not where a build was cut off after its work",
      ledger: { names, begun: build },
      shown: { a: "sha256:1", b: "sha256:2" },
      faults: 0,
    },
    {
      name: "a load, cut off, left another image than it was of",
      ledger: { names: {}, begun: { verb: "load", name: "a", leaves: "image", id: "sha256:1" } },
      shown: { a: "sha256:2" },
      faults: 1,
    },
    { name: "a prune, cut off, took an image", ledger: { names, begun: prune }, shown: {}, faults: 1 },
  ])("$name", ({ ledger, shown, faults }) => {
    expect(faultsOf(ledger, new Map(Object.entries(shown)))).toHaveLength(faults);
  });
});
