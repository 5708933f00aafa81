import { expect, test } from "vitest";
import type { ProgressEvent } from "../../base/operation.ts";
import { pullProgress } from "./pull.ts";

const layer = `sha256:${"a".repeat(64)}`;
const other = `sha256:${"b".repeat(64)}`;
const step = (id: string, name: string): ProgressEvent => ({ kind: "step", id, name, status: "started" });
const bytes = (id: string, name: string, current: number, total: number): ProgressEvent => ({
  kind: "bytes",
  id,
  name,
  current,
  total,
});

/** What is written of events; a number lets that many milliseconds pass. */
function written(
  events: readonly (ProgressEvent | number)[],
  { isTTY = false, quiet = false, rows = 24 }: { isTTY?: boolean; quiet?: boolean; rows?: number } = {},
): string {
  let text = "";
  let time = 0;
  const write = (more: string): void => {
    text += more;
  };
  const output = { isTTY, columns: 130, rows, write };
  {
    using progress = pullProgress(output as unknown as Parameters<typeof pullProgress>[0], { quiet, now: () => time });
    for (const event of events) {
      if (typeof event === "number") time += event;
      else progress.report(event);
    }
    expect(progress.hasBegun()).toBe(true);
  }
  return text;
}

const events = [
  step("latest", "Pulling from library/x"),
  step(layer, "Pulling fs layer"),
  bytes(layer, "Pulling fs layer", 0, 1000),
  step(other, "Already exists"),
  bytes(layer, "Downloading", 200, 1000),
  2000,
  bytes(layer, "Downloading", 600, 1000),
];

const escapeCharacter = "\x1b";
/** A move of the cursor, and the text behind it. */
const moves = new RegExp(`(?:${escapeCharacter}\\[(\\d+)([ABK])|\\r)?([^${escapeCharacter}\\r]*)`, "g");

/** What a terminal shows: its lines, with the cursor's moves done. */
function screen(text: string): readonly string[] {
  const lines: string[] = [""];
  let at = 0;
  for (const [, move, way, rest = ""] of text.matchAll(moves)) {
    if (way === "A") at -= Number(move);
    if (way === "B") at += Number(move);
    if (way === "K") lines[at] = "";
    for (const [index, part] of rest.split("\n").entries()) {
      if (index > 0) at++;
      lines[at] = `${lines[at] ?? ""}${part}`;
    }
  }
  return lines;
}

test("without a terminal each step of a layer is a line, in Docker's form", () => {
  expect(written(events)).toBe(
    `latest: Pulling from library/x\n${"a".repeat(12)}: Pulling fs layer\n${"b".repeat(12)}: Already exists\n`,
  );
  expect(written(events, { quiet: true })).toBe("");
});

test("on a terminal each layer has a line with its bar, and the whole one with its rate and the time that is left", () => {
  const shown = screen(written([...events], { isTTY: true }).slice(0, -"\r\x1b[2K".length));
  expect(shown.map((line) => line.trimEnd())).toEqual([
    "latest: Pulling from library/x",
    `${"a".repeat(12)}: Downloading [${"=".repeat(30)}>${" ".repeat(19)}]     600B/1kB`,
    `${"b".repeat(12)}: Already exists`,
    `Total: [${"=".repeat(30)}>${" ".repeat(19)}]     600B/1kB  200B/s  2s left`,
  ]);
  const done = [...events, 100, bytes(layer, "Downloading", 1000, 1000), step(layer, "Pull complete")];
  expect(screen(written(done, { isTTY: true }))).toEqual([
    "latest: Pulling from library/x",
    `${"a".repeat(12)}: Pull complete`,
    `${"b".repeat(12)}: Already exists`,
    "",
  ]);
});

test("the line for the whole of a push begins at nothing, and leaves out what is there already", () => {
  const there: ProgressEvent = { kind: "step", id: other, name: "Layer already exists", status: "cached" };
  const announced = [bytes(layer, "Pushing", 0, 1000), bytes(other, "Pushing", 0, 3000)];
  const totals = (...more: readonly (ProgressEvent | number)[]): readonly string[] =>
    [...written([...announced, ...more], { isTTY: true }).matchAll(/Total: .*?\]\s+(\S+)/g)].map(
      ([, size = ""]) => size,
    );
  expect(totals()).toEqual(["0B/1kB"]);
  expect(totals(200, bytes(layer, "Pushing", 500, 1000), there, 200, bytes(layer, "Pushing", 600, 1000))).toEqual([
    "0B/1kB",
    "500B/4kB",
    "600B/1kB",
  ]);
});

test("a line that has left the screen isn't drawn over another", () => {
  const many = Array.from({ length: 10 }, (_, n) => step(`sha256:${String(n).repeat(64)}`, "Waiting"));
  const text = written([...many, step(`sha256:${"0".repeat(64)}`, "Pull complete")], { isTTY: true, rows: 5 });
  expect(text).not.toContain("Pull complete");
});
