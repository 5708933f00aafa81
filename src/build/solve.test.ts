import { expect, test } from "vitest";
import type { ProgressEvent } from "../base/operation.ts";
import { digestOf } from "../oci/digest.ts";
import type { BuildCache, BuildRecord } from "./cache.ts";
import { GraphBuilder } from "./graph.ts";
import { type FoundStep, type SolverDeps, shareSteps, solve, type Work } from "./solve.ts";

const memoryCache = (): BuildCache & { readonly records: Map<string, BuildRecord> } => {
  const records = new Map<string, BuildRecord>();
  return {
    records,
    find: (key) => records.get(key),
    save: async (more) => {
      for (const record of more) records.set(record.key, record);
    },
  };
};

/** A diamond: base, two steps on it, one step on both. */
function diamond(): GraphBuilder {
  const builder = new GraphBuilder();
  const base = builder.add({ kind: "scratch" }, [], { name: "base" });
  const step = (name: string, inputs: readonly (typeof base)[]): typeof base =>
    builder.add({ kind: "mkdir", path: name, user: "" }, inputs, { name });
  step("top", [step("left", [base]), step("right", [base])]);
  return builder;
}

/** Steps that write down when they start and end; a step's result is named after it. */
function recorder(bodies: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>> = {}): {
  readonly log: string[];
  readonly plan: SolverDeps["plan"];
} {
  const log: string[] = [];
  const plan: SolverDeps["plan"] = ({ name, op }): Work => ({
    keys: op.kind === "scratch" ? [] : [async () => name],
    run: async ({ signal }) => {
      log.push(`+${name}`);
      await bodies[name]?.(signal);
      log.push(`-${name}`);
      return { chainID: digestOf(name) };
    },
  });
  return { log, plan };
}

test("independent steps run side by side, after their inputs", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let waiting = 0;
  const meet = async (): Promise<void> => {
    if (++waiting === 2) resolve();
    await promise;
  };
  const { log, plan } = recorder({ left: meet, right: meet });
  const solved = await solve({ cache: memoryCache(), plan }, diamond().graph);
  expect(log).toEqual(["+base", "-base", "+left", "+right", "-left", "-right", "+top", "-top"]);
  expect([...solved.values()].at(-1)?.chainID).toBe(digestOf("top"));
});

test("graphs that share their steps run what is equal once, and no more at a time than one", async () => {
  let [running, most] = [0, 0];
  const counted = async (): Promise<void> => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
  };
  const { log, plan } = recorder({ left: counted, right: counted, top: counted });
  const shared = shareSteps(1);
  const both = await Promise.all(
    [0, 1].map(() => solve({ cache: memoryCache(), plan }, diamond().graph, { shared, noCache: true })),
  );
  expect(log.filter((line) => line.startsWith("+")).toSorted()).toEqual(["+base", "+left", "+right", "+top"]);
  expect(most).toBe(1);
  expect(both.map((solved) => [...solved.values()].at(-1)?.chainID)).toEqual([digestOf("top"), digestOf("top")]);
});

test("a recorded result is used, and the step does not run", async () => {
  const cache = memoryCache();
  const saved: BuildRecord[] = [];
  await solve({ cache, plan: recorder().plan }, diamond().graph, { onRecord: (record) => saved.push(record) });
  await cache.save(saved);
  const { log, plan } = recorder();
  const events: ProgressEvent[] = [];
  await solve({ cache, plan }, diamond().graph, { report: (event) => events.push(event) });
  expect(log).toEqual(["+base", "-base"]);
  expect(events.flatMap((event) => (event.kind === "step" ? `${event.name} ${event.status}` : []))).toEqual([
    "base started",
    "base done",
    "left cached",
    "right cached",
    "top cached",
  ]);
  const again = recorder();
  await solve({ cache, plan: again.plan }, diamond().graph, { noCache: true });
  expect(again.log).toContain("+top");
});

test("a later key finds what an earlier one missed, and is recorded under both", async () => {
  const cache = memoryCache();
  const record = { key: "content", chainID: digestOf("x"), created: "then", name: "n" };
  await cache.save([record]);
  const builder = new GraphBuilder();
  builder.add({ kind: "mkdir", path: "p", user: "" }, [], { name: "n" });
  const saved: BuildRecord[] = [];
  const plan = (): Work => ({
    keys: [async () => "definition", async () => "content"],
    run: () => Promise.reject(new Error("ran")),
  });
  const [solved] = (await solve({ cache, plan }, builder.graph, { onRecord: (found) => saved.push(found) })).values();
  expect(solved).toEqual({ chainID: digestOf("x"), created: "then" });
  expect(saved.map(({ key }) => key)).toEqual(["definition", "content"]);
});

test("two vertices that turn out to have one key run once", async () => {
  const builder = new GraphBuilder();
  for (const path of ["a", "b"]) builder.add({ kind: "mkdir", path, user: "" }, [], { name: path });
  const { log, plan } = recorder();
  await solve(
    { cache: memoryCache(), plan: (...of) => ({ ...plan(...of), keys: [async () => "same"] }) },
    builder.graph,
  );
  expect(log).toHaveLength(2);
});

test("the first failure stops the others and is what is thrown", async () => {
  const untilAborted = (signal: AbortSignal): Promise<void> =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  const { plan } = recorder({ left: untilAborted, right: () => Promise.reject(new Error("boom")) });
  const events: ProgressEvent[] = [];
  await expect(
    solve({ cache: memoryCache(), plan }, diamond().graph, { report: (event) => events.push(event) }),
  ).rejects.toThrow("boom");
  expect(events.flatMap((event) => (event.kind === "step" ? `${event.name} ${event.status}` : []))).toEqual([
    "base started",
    "base done",
    "left started",
    "right started",
    "right failed",
    "left canceled",
  ]);
});

test("an abort from outside ends all steps with its reason", async () => {
  const controller = new AbortController();
  const { plan } = recorder({
    left: (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    right: async () => controller.abort(new Error("enough")),
  });
  await expect(solve({ cache: memoryCache(), plan }, diamond().graph, { signal: controller.signal })).rejects.toThrow(
    "enough",
  );
});

test("no more steps run at once than there are slots", async () => {
  const { log, plan } = recorder();
  await solve({ cache: memoryCache(), plan }, diamond().graph, { parallelism: 1 });
  expect(log).toEqual(["+base", "-base", "+left", "-left", "+right", "-right", "+top", "-top"]);
});

test("what another builder left is a hit where there is no record, and one from then on", async () => {
  const { log, plan } = recorder();
  const cache = memoryCache();
  const left = { chainID: digestOf("another's left"), created: "2020-01-01T00:00:00Z" };
  const findStep: SolverDeps["findStep"] = async ({ name }) => (name === "left" ? left : undefined);
  const records: BuildRecord[] = [];
  const onRecord = (record: BuildRecord): void => void records.push(record);
  const solved = await solve({ cache, plan, findStep }, diamond().graph, { onRecord });
  expect([...solved.values()]).toContainEqual(left);
  expect(log).not.toContain("+left");
  expect(records).toContainEqual({ key: "left", ...left, name: "left" });
  await cache.save(records);
  const again = await solve({ cache, plan, findStep: async () => Promise.reject(new Error("asked")) }, diamond().graph);
  expect([...again.values()]).toContainEqual(left);
});

test("a name that stands for what nobody has is recorded nowhere, nor what is found on it", async () => {
  const { plan } = recorder();
  const found = (name: string): FoundStep => ({ chainID: digestOf(`found ${name}`), created: "2020-01-01T00:00:00Z" });
  const findStep: SolverDeps["findStep"] = async ({ name }) => ({
    ...found(name),
    ...(name === "left" ? { isUnknown: true } : {}),
  });
  const keys: string[] = [];
  const onRecord = ({ key }: BuildRecord): void => void keys.push(key);
  const solved = await solve({ cache: memoryCache(), plan, findStep }, diamond().graph, { onRecord });
  expect([...solved.values()].at(-1)).toEqual(found("top"));
  expect(keys).toEqual(["right"]);
});
