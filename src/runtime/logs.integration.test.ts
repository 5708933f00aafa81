import { appendFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { randomOf } from "../../test/support/random.ts";
import { parseInstant } from "../base/instant.ts";
import { type LogOptions, readLogs } from "./logs.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "berth-logs-"));
});
afterAll(() => rm(directory, { recursive: true }));

async function logOf(text: string): Promise<string> {
  const path = join(directory, crypto.randomUUID());
  await writeFile(path, text);
  return path;
}

/** What each stream was given. */
async function shown(path: string, options: LogOptions = {}): Promise<Record<"stdout" | "stderr", string>> {
  const all = { stdout: "", stderr: "" };
  for await (const { stream, data } of readLogs(path, options)) all[stream] += Buffer.from(data).toString("latin1");
  return all;
}

const record = (second: number, text: string, { stream = "stdout", tag = "F" } = {}): string =>
  `2026-11-28T10:00:${String(second).padStart(2, "0")}.123456789+00:00 ${stream} ${tag} ${text}\n`;

interface Line {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

/** A log of lines, some of them in parts that lie between each other's, and its entries in the order of their ends. */
function randomLog(seed: string, count: number): { readonly log: string; readonly entries: readonly Line[] } {
  const random = randomOf(seed);
  const begun = { stdout: "", stderr: "" };
  const entries: Line[] = [];
  let log = "";
  for (let index = 0; index < count; index++) {
    const stream = random() < 0.7 ? "stdout" : "stderr";
    const text = `${index} ${"x".repeat(Math.floor(random() * 500))}`;
    begun[stream] += text;
    const ends = random() < 0.8 || begun[stream].length > 10_000;
    log += record(0, text, { stream, tag: ends ? "F" : "P" });
    if (!ends) continue;
    entries.push({ stream, text: `${begun[stream]}\n` });
    begun[stream] = "";
  }
  for (const stream of ["stdout", "stderr"] as const) {
    if (begun[stream] !== "") entries.push({ stream, text: begun[stream] });
  }
  return { log, entries };
}

const randomLogs = ["a", "b", "c"].map((seed) => randomLog(seed, 4000));

test.each([0, 1, 2, 3, 17, 500, 1100, 2999, 3000, 100_000])(
  "the last %d entries of a log of a megabyte",
  async (tail) => {
    for (const { log, entries } of randomLogs) {
      const last = entries.slice(Math.max(0, entries.length - tail));
      const of = (wanted: string): string =>
        last.flatMap(({ stream, text }) => (stream === wanted ? [text] : [])).join("");
      expect(await shown(await logOf(log), { tail })).toEqual({ stdout: of("stdout"), stderr: of("stderr") });
    }
  },
);

test("all of it comes in its order, a piece for each change of the stream", async () => {
  const log = [record(1, "1"), record(2, "2"), record(3, "3", { stream: "stderr" }), record(4, "4")].join("");
  const pieces = await Array.fromAsync(
    readLogs(await logOf(log)),
    ({ stream, data }) => `${stream} ${Buffer.from(data)}`,
  );
  expect(pieces).toEqual(["stdout 1\n2\n", "stderr 3\n", "stdout 4\n"]);
});

test("since and until take both ends in, and come after tail", async () => {
  const path = await logOf([1, 2, 3, 4, 5].map((second) => record(second, String(second))).join(""));
  const [second, fourth] = [2, 4].map((at) => parseInstant(record(at, "").slice(0, 35)));
  expect((await shown(path, { since: second, until: fourth })).stdout).toBe("2\n3\n4\n");
  expect((await shown(path, { since: second, tail: 2 })).stdout).toBe("4\n5\n");
  expect((await shown(path, { until: fourth, tail: 2 })).stdout).toBe("4\n");
});

test("times are UTC, whatever zone conmon wrote them in", async () => {
  const log = `${record(1, "here")}2026-11-28T01:30:00.000000001-02:30 stdout F there\n`;
  expect((await shown(await logOf(log), { timestamps: true })).stdout).toBe(
    "2026-11-28T10:00:01.123456789Z here\n2026-11-28T04:00:00.000000001Z there\n",
  );
});

test("a line longer than all that is read at once is whole", async () => {
  const text = "x".repeat(700_000);
  expect((await shown(await logOf(record(1, text)))).stdout).toBe(`${text}\n`);
});

test("a container that has never run has nothing to tell", async () => {
  expect(await shown(join(directory, "nosuch"))).toEqual({ stdout: "", stderr: "" });
});

test("a log is followed until it is told to be whole", async () => {
  const path = await logOf("");
  const pieces = [
    record(1, "one"),
    record(2, "tw", { tag: "P" }),
    record(3, "o").slice(0, 20),
    record(3, "o").slice(20),
  ];
  // Each time it asks, there is a little more.
  const follow = (): boolean => {
    const piece = pieces.shift();
    if (piece !== undefined) appendFileSync(path, piece);
    return pieces.length > 0;
  };
  expect(await shown(path, { follow })).toEqual({ stdout: "one\ntwo\n", stderr: "" });
});

test("followed from its end, a line that had begun is told when it is whole", async () => {
  const path = await logOf(record(1, "one") + record(2, "tw", { tag: "P" }));
  const pieces = ["", record(3, "o")];
  const follow = (): boolean => {
    const piece = pieces.shift();
    if (piece !== undefined) appendFileSync(path, piece);
    return pieces.length > 0;
  };
  expect((await shown(path, { follow, tail: 0 })).stdout).toBe("two\n");
});
